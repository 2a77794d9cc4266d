// What the sheet of a net's answers shows of its data.
import type {Area, Scene, Shades} from "./boundary_canvas";
import {className, drawnClasses, extent, type DrawnPoint} from "./drawn_data";
import type {Samples, Session} from "./engine";

/** The square of a drawing, in the units of the net's inputs. */
export function normalized({normalization: {mean, scale}}: Session): Area {
  const ends = (i: number): [number, number] => [(-extent - mean[i]!) / scale[i]!, (extent - mean[i]!) / scale[i]!];
  return {x: ends(0), y: ends(1)};
}

function targets({targets: values}: Samples): Float32Array { return values ?? new Float32Array(); }

export function shadesOf(session: Session): Shades {
  if (session.classes !== null) return {kind: "classes"};
  const values = targets(session.train);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return {kind: "number", middle: (low + high) / 2, reach: (high - low) / 2 || 1};
}

export function sceneOf(session: Session, area: Area): Scene {
  const {mean, scale} = session.normalization;
  const shown = (v: number, i: number) => v * scale[i]! + mean[i]!;
  const inputs = session.features.length;
  const of = (samples: Samples, test: boolean) => Array.from({length: samples.size}, (_, i) => ({
    x: shown(samples.inputs[inputs * i]!, 0),
    y: shown(samples.inputs[inputs * i + 1]!, 1),
    label: samples.labels?.[i] ?? targets(samples)[i]!,
    test
  }));
  const ends = (axis: [number, number], i: number): [number, number] => [shown(axis[0], i), shown(axis[1], i)];
  return {
    area: {x: ends(area.x, 0), y: ends(area.y, 1)},
    points: [...of(session.train, false), ...of(session.test, true)],
    classes: session.classes === null ? null : session.class_names,
    features: session.features.slice(0, 2),
    shades: shadesOf(session)
  };
}

/** Points that are being drawn, which no net has seen yet. */
export function sketchOf(points: readonly DrawnPoint[]): Scene {
  return {
    area: {x: [-extent, extent], y: [-extent, extent]},
    points: points.map(p => ({...p, test: false})),
    classes: Array.from({length: drawnClasses}, (_, i) => className(i)),
    features: ["x1", "x2"],
    shades: {kind: "classes"}
  };
}
