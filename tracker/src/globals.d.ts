declare global {
  /** Put in by the build. */
  const __VERSION__: string;

  interface Document {
    prerendering?: boolean;
  }
  interface Navigator {
    globalPrivacyControl?: boolean;
  }
  interface Window {
    dataLayer?: unknown[];
  }
}

export {};
