/**
 * Numbers for whoever watches the server, as Prometheus reads them (text format 0.0.4). A metric has at most one label, and the values
 * of a label are a fixed list given at its declaration: what is not on it counts as `other`. So no id, name or address can become a label,
 * by carelessness or by what a peer sends, and the number of series is known beforehand. That is why this is not a library's registry.
 */

/** What a metric is called and what it counts, for people. */
interface Description {
  readonly name: string;
  readonly help: string;
}

/** Something that can be written out. */
interface Metric extends Description {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** Name of the label and its values, if it has one. */
  readonly label: { readonly name: string; readonly values: readonly string[] } | undefined;
  samples(): Iterable<readonly [suffix: string, value: number]>;
}

/** Counts up. */
export interface Counter {
  add(count?: number): void;
}

/** Counts up, apart for each value of its label. */
export interface LabelledCounter {
  add(value: string, count?: number): void;
}

/** Sorts what it observes into buckets. */
export interface Histogram {
  observe(value: number): void;
}

const OTHER = 'other';
const NAME = /^kuvert_[a-z][a-z0-9_]*$/;
const VALUE = /^[a-z][a-zA-Z0-9_.-]*$/;

/** All metrics of one server. */
export class Registry {
  readonly #metrics = new Map<string, Metric>();

  /** Declares a counter; its name ends in `_total`. */
  counter(name: string, help: string): Counter {
    let count = 0;
    this.#add({ type: 'counter', name, help, label: undefined, samples: () => [['', count]] });
    return {
      add(by = 1) {
        count += by;
      },
    };
  }

  /** Declares a counter with a label. */
  labelled(name: string, help: string, label: { name: string; values: readonly string[] }): LabelledCounter {
    const counts = new Map([...label.values, OTHER].map((value) => [value, 0]));
    for (const value of counts.keys())
      if (!VALUE.test(value)) throw new Error(`label value ${value} of ${name}`);
    this.#add({
      type: 'counter',
      name,
      help,
      label: { name: label.name, values: [...counts.keys()] },
      *samples() {
        for (const [value, count] of counts) yield [`{${label.name}="${value}"}`, count];
      },
    });
    return {
      add(value, by = 1) {
        const known = counts.has(value) ? value : OTHER;
        counts.set(known, (counts.get(known) ?? 0) + by);
      },
    };
  }

  /** Declares a gauge that is read when somebody asks. */
  gauge(name: string, help: string, read: () => number): void {
    this.#add({ type: 'gauge', name, help, label: undefined, samples: () => [['', read()]] });
  }

  /** Declares a histogram with upper bounds of its buckets, ascending. */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    const counts = new Array<number>(bounds.length).fill(0);
    let [sum, count] = [0, 0];
    this.#add({
      type: 'histogram',
      name,
      help,
      label: undefined,
      *samples() {
        let below = 0;
        for (const [i, bound] of bounds.entries()) {
          below += counts[i] ?? 0;
          yield [`_bucket{le="${bound}"}`, below];
        }
        yield ['_bucket{le="+Inf"}', count];
        yield ['_sum', sum];
        yield ['_count', count];
      },
    });
    return {
      observe(value) {
        count++;
        sum += value;
        // For each message: a function called for every bound took a fortieth of the event loop's time.
        let at = 0;
        while (at < bounds.length && value > (bounds[at] as number)) at++;
        if (at < bounds.length) counts[at] = (counts[at] as number) + 1;
      },
    };
  }

  /** Every metric with its type, label and help, for the documentation. */
  list(): readonly Metric[] {
    return [...this.#metrics.values()];
  }

  /** All of it as text. */
  text(): string {
    const lines: string[] = [];
    for (const metric of this.#metrics.values()) {
      const { name, help, type } = metric;
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
      for (const [suffix, value] of metric.samples()) lines.push(`${name}${suffix} ${value}`);
    }
    return `${lines.join('\n')}\n`;
  }

  #add(metric: Metric): void {
    if (!NAME.test(metric.name)) throw new Error(`metric name ${metric.name}`);
    if ((metric.type === 'counter') !== metric.name.endsWith('_total'))
      throw new Error(`suffix of ${metric.name}`);
    if (this.#metrics.has(metric.name)) throw new Error(`${metric.name} is declared twice`);
    this.#metrics.set(metric.name, metric);
  }
}
