// The slider and its news are two elements, so that Streamlit sends the photo again only when it changes.

const NEWS = "effviz-input-size-news";
const NEWS_WANTED = "effviz-input-size-news-wanted"; // whichever loads first, the slider receives them
