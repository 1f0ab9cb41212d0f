// The grid and its news are two elements, so that Streamlit sends the maps again only when they change.

const NEWS = "effviz-grid-news";
const NEWS_WANTED = "effviz-grid-news-wanted"; // whichever loads first, the grid receives them
