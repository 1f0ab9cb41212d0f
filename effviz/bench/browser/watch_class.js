// Measures from pointing at a class to the frame after the one in which a map's pixels have changed.
(button, patience) => {
  const canvas = button.getRootNode().querySelector(".tile canvas");
  const pixels = () => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.join();
  const before = pixels();
  window.effvizChanged = new Promise((resolve) => {
    button.addEventListener("pointerenter", (event) => {
      const look = (now) => {
        if (now - event.timeStamp > patience) resolve(null);
        else if (pixels() === before) requestAnimationFrame(look);
        else requestAnimationFrame((shown) => resolve(shown - event.timeStamp));
      };
      requestAnimationFrame(look);
    }, { once: true });
  });
}
