// What pages put on `window`: Plotly, which has no types of its own, and what each component tells tests and the curious.

interface Window {
  Plotly: any;
  dqnLabPanel: Record<string, () => unknown>;
  dqnLabReplay: Record<string, () => unknown>;
  dqnLabPlay: Record<string, () => unknown>;
  dqnLabCompare: Record<string, () => unknown>;
}
