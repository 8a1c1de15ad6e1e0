// An episode in a page that is a file by itself: the replay, and what there is to say of it. Nothing is fetched.

import { make } from "../shared/browser/format.js";
import ReplayPanel from "./replay.js";

/** @typedef {import("./episode_view.js").ReplayData & {title: string}} PageData */

/** @type {PageData} */
const data = JSON.parse(document.getElementById("data")?.textContent ?? "");
const place = document.getElementById("episode");
if (place) {
  place.append(make("h1", {}, data.title));
  const panel = new ReplayPanel(place, data);
  panel.accept(data);
  for (const { title, detail, facts } of data.sides) {
    place.append(make("h2", {}, `${title} · ${detail}`), factList(facts ?? []));
  }
}

/** @param {[string, string][]} facts */
function factList(facts) {
  const rows = facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]);
  return make("dl", { class: "dqn-page-facts" }, ...rows);
}
