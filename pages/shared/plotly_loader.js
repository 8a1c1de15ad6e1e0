// Plotly, loaded once a page, however many panels it shows and whoever asks first; a failed attempt may be made again.

function loadPlotly(basePath) {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  window.dqnLabPlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${basePath}/live/plotly.min.js`;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      script.remove();
      window.dqnLabPlotly = undefined;
      reject(new Error(script.src));
    };
    document.head.append(script);
  });
  return window.dqnLabPlotly;
}
