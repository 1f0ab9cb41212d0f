// Records when each map was first drawn, in ms since the page was requested.
window.effvizMaps = [];
setInterval(() => {
  const grids = [...document.querySelectorAll("[data-testid^=stBidiComponent]")].map((one) => one.shadowRoot ?? one);
  const maps = grids.flatMap((grid) => [...grid.querySelectorAll("figure.tile canvas[aria-label]")]);
  const drawn = maps.filter((map) => (map.dataset.drawn ?? "0") !== "0").length;
  while (effvizMaps.length < drawn) effvizMaps.push(performance.now());
}, 10);
