import { defineConfig } from "vite";

// The hook brings a client of its own, 1.11.0; NEWEST_CLIENT builds it on the one of package.json.
export default defineConfig({
  resolve: { dedupe: process.env.NEWEST_CLIENT ? ["@langchain/langgraph-sdk"] : [] },
  build: { chunkSizeWarningLimit: 1000 },
  logLevel: "error",
});
