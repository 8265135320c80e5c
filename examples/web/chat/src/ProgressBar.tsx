/** What a node tells with `joinstream.progress`; docs/progress.md describes it. */
export interface Progress {
  type: "progress";
  fraction: number | null;
  label: string | null;
  stage: string | null;
  node: string;
}

export function isProgress(event: unknown): event is Progress {
  return (event as Progress | null)?.type === "progress";
}

/** Draws any graph's progress. Without a fraction the bar only says: still at it. */
export function ProgressBar({ progress }: { progress: Progress | null }) {
  return (
    <label className="progress">
      <progress value={progress?.fraction ?? undefined} />
      {progress?.label}
    </label>
  );
}
