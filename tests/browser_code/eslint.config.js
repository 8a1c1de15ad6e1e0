import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  {
    files: ["pages/**/*.js"],
    languageOptions: { globals: globals.browser },
  },
  {
    files: ["tests/browser_code/**/*.js"],
    languageOptions: { globals: { ...globals.node, document: "readonly" } },
  },
  {
    rules: {
      curly: ["error", "multi-line"],
      eqeqeq: "error",
      "no-duplicate-imports": "error",
      "no-shadow": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-template": "error",
    },
  },
];
