"use strict";
// The figures of scored films at a threshold, and numbers as they are written: computed as
// demo/evaluation/at_threshold.py and train/metrics/net_benefit.py compute them.
pneumoscope.figures = (() => {
  // Half to even where the number lies exactly between two; elsewhere toFixed rounds as Python does.
  function fixed(value, digits) {
    const doubled = Math.abs(value) * 2 ** (digits + 1);
    if (doubled % 2 !== 1) return value.toFixed(digits);
    const lower = Math.floor(value * 10 ** digits);
    return ((lower % 2 === 0 ? lower : lower + 1) / 10 ** digits).toFixed(digits);
  }
  const whole = (value) => Number(fixed(value, 0));
  const counted = (value) => value.toLocaleString("en-US");
  const signed = (value) => fixed(value, 3).replace("-", "−");

  function unpacked({ probabilities, labels }) {
    const bytes = Uint8Array.from(atob(probabilities), (letter) => letter.charCodeAt(0));
    const values = new Float64Array(bytes.buffer); // falling
    const found = new Int32Array(values.length + 1); // how many of the first k films show pneumonia
    for (let film = 0; film < values.length; film += 1) found[film + 1] = found[film] + Number(labels[film]);
    return { values, found, films: values.length, ill: found[values.length] };
  }

  const share = (part, all) => (all ? part / all : NaN);

  // How many films reach a threshold.
  function called(scores, threshold) {
    let low = 0;
    let high = scores.films;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (scores.values[middle] >= threshold) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  function counts(scores, films) {
    const tp = scores.found[films];
    const fp = films - tp;
    return { tp, fp, tn: scores.films - scores.ill - fp, fn: scores.ill - tp };
  }

  function figures(scores, threshold, ill) {
    const cells = counts(scores, called(scores, threshold));
    const { tp, fp, tn, fn } = cells;
    const sensitivity = share(tp, tp + fn);
    const specificity = share(tn, tn + fp);
    const truePositive = sensitivity * ill;
    const falsePositive = (1 - specificity) * (1 - ill);
    const trueNegative = specificity * (1 - ill);
    const falseNegative = (1 - sensitivity) * ill;
    return {
      ...cells,
      sensitivity,
      specificity,
      f1: share(2 * tp, 2 * tp + fp + fn),
      accuracy: share(tp + tn, scores.films),
      ppv: truePositive / (truePositive + falsePositive),
      npv: trueNegative / (trueNegative + falseNegative),
    };
  }

  const benefit = (sensitivity, alarms, ill, odds) => sensitivity * ill - alarms * (1 - ill) * odds;

  function netBenefit(scores, threshold, ill) {
    const { tp, fp } = counts(scores, called(scores, threshold));
    return benefit(tp / scores.ill, fp / (scores.films - scores.ill), ill, threshold / (1 - threshold));
  }

  function cost(scores, films, ill, ratio) {
    const { tp, fp } = counts(scores, films);
    const missed = 1 - tp / scores.ill;
    return ratio * ill * missed + (1 - ill) * (fp / (scores.films - scores.ill));
  }

  // The cut of least cost, of several the highest; its threshold is the last film that it calls.
  function cheapest(scores, ill, ratio) {
    let best = { threshold: Infinity, cost: cost(scores, 0, ill, ratio) };
    for (let films = 1; films <= scores.films; films += 1) {
      if (films < scores.films && scores.values[films] === scores.values[films - 1]) continue;
      const found = cost(scores, films, ill, ratio);
      if (found < best.cost) best = { threshold: scores.values[films - 1], cost: found };
    }
    return best;
  }

  return { fixed, whole, counted, signed, unpacked, called, counts, figures, benefit, netBenefit, cost, cheapest };
})();
