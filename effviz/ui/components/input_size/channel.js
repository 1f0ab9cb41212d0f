// The slider and its news are two elements of the page: Streamlit sends the photo again only when it changed.

const NEWS = "effviz-input-size-news";
const NEWS_WANTED = "effviz-input-size-news-wanted"; // whichever is there first, the slider gets them
