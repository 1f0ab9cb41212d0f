// The grid and its news are two elements of the page: Streamlit sends the maps again only when the maps changed.

const NEWS = "effviz-grid-news";
const NEWS_WANTED = "effviz-grid-news-wanted"; // whichever is there first, the grid gets them
