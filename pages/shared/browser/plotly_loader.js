// Plotly, loaded once a page, however many panels it shows and whoever asks first; a failed attempt may be made again.

const ADDRESS = String(new URL("plotly.min.js", import.meta.url));
/** @type {Promise<any> | null} */
let loading = null;

export function loadPlotly() {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = ADDRESS;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      script.remove();
      loading = null;
      reject(new Error(ADDRESS));
    };
    document.head.append(script);
  });
  return loading;
}
