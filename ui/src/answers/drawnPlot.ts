/** A plot that is drawn into an element of the page. */
export interface Drawn {
  /** Takes it away, with what it listens to. */
  end(): void;
}

/** The colours of the look, for what draws plots. */
export interface PlotLook {
  text: string;
  soft: string;
  line: string;
  surface: string;
  series: string[];
}
