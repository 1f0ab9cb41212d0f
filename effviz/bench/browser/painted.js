// Reports when the page's title has been painted: the first frame after the one that contains it.
(() => {
  const look = () => {
    if (document.querySelector("h1")) requestAnimationFrame((now) => window.effvizPainted(now));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})()
