import { describe, expect, test } from "vitest";
import { labelsOf } from "@/answers/labels";
import { marksOf } from "@/answers/marks";
import { plotOf } from "@/answers/plots";
import { shapeOf, type Shape } from "@/answers/shapes";
import { tableOf } from "@/answers/tabular";

const PNG = `iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==`;

describe("labels with probabilities", () => {
  const cat = [
    { label: "cat", score: 0.9 },
    { label: "dog", score: 0.1 },
  ];
  test.each([
    ["a list of objects", [{ label: "cat", probability: 0.9 }, { label: "dog", probability: 0.1 }]],
    ["other names", [{ class_name: "cat", confidence: 0.9, rank: 1 }, { class_name: "dog", confidence: 0.1, rank: 2 }]],
    ["pairs", [["cat", 0.9], ["dog", 0.1]]],
    ["a map that sums up to one", { cat: 0.9, dog: 0.1 }],
    ["lists beside each other", { labels: ["cat", "dog"], probabilities: [0.9, 0.1] }],
    ["lists in lists of one, as DEEPaaS models write", { labels: [["cat", "dog"]], probabilities: [[0.9, 0.1]] }],
    ["classes and scores", { classes: ["cat", "dog"], scores: [0.9, 0.1] }],
  ])("are found in %s", (_, value) => {
    expect(labelsOf(value)).toMatchObject({ kind: "labels", labels: cat, isShare: true });
  });

  test("scores that are no probabilities are drawn beside the largest", () => {
    expect(labelsOf([{ label: "a", score: 3.5 }, { label: "b", score: -1 }])).toMatchObject({ isShare: false });
  });

  test("are not found in rows of a table, in boxes, or in numbers that say nothing of it", () => {
    expect(labelsOf([{ label: "cat", score: 0.9 }, { label: "cat", score: 0.8 }])).toBeNull();
    expect(labelsOf([{ label: "cat", score: 0.9, box: [0, 0, 5, 5] }])).toBeNull();
    expect(labelsOf([{ species: "setosa", probability: 0.9, length: 3 }])).toBeNull();
    expect(labelsOf({ accuracy: 0.9, loss: 0.4 })).toBeNull();
    expect(labelsOf({ labels: ["a"], scores: [0.5], boxes: [[0, 0, 1, 1]] })).toBeNull();
    expect(labelsOf([])).toBeNull();
  });

  test("a map says by its name what its numbers are", () => {
    expect(labelsOf({ a: 0.9, b: 0.8 }, "probabilities")).not.toBeNull();
    expect(labelsOf({ a: 0.9, b: 0.8 }, "settings")).toBeNull();
  });
});

describe("what is found in a picture", () => {
  const box = { left: 10, top: 20, right: 40, bottom: 60 };
  test.each([
    ["corners as a list", { label: "cat", score: 0.9, box: [10, 20, 40, 60] }],
    ["corners by name", { label: "cat", score: 0.9, box: { xmin: 10, ymin: 20, xmax: 40, ymax: 60 } }],
    ["corners beside the label", { label: "cat", score: 0.9, x1: 10, y1: 20, x2: 40, y2: 60 }],
    ["a place with a size", { label: "cat", score: 0.9, bbox: { x: 10, y: 20, width: 30, height: 40 } }],
    ["xywh", { label: "cat", score: 0.9, xywh: [10, 20, 30, 40] }],
    ["COCO", { name: "cat", category_id: 3, score: 0.9, bbox: [10, 20, 30, 40] }],
    ["ultralytics", { name: "cat", class: 0, confidence: 0.9, box: { x1: 10, y1: 20, x2: 40, y2: 60 } }],
  ])("has its box as %s", (_, one) => {
    const found = marksOf([one]);
    expect(found?.marks[0]).toMatchObject({ label: "cat", score: 0.9, box });
    expect(found?.isRelative).toBe(false);
  });

  test("lists beside each other, as torchvision has them, are one mark each", () => {
    const found = marksOf({ boxes: [[10, 20, 40, 60], [1, 2, 3, 4]], labels: ["cat", "dog"], scores: [0.9, 0.8] });
    expect(found?.marks.map((mark) => mark.label)).toEqual(["cat", "dog"]);
    expect(found?.marks[0]?.box).toEqual(box);
  });

  test("places up to one are shares of the picture", () => {
    expect(marksOf([{ label: "cat", box: [0.1, 0.2, 0.5, 1] }])?.isRelative).toBe(true);
  });

  test("outlines are read from points, from numbers in turn, and from lists by axis", () => {
    const points = [[1, 2], [3, 4], [5, 6]];
    for (const outline of [points, [points], [[1, 2, 3, 4, 5, 6]], { x: [1, 3, 5], y: [2, 4, 6] }]) {
      expect(marksOf([{ label: "a", segmentation: outline }])?.marks[0]?.outlines).toEqual([points]);
    }
  });

  test("masks are pictures or rows of numbers", () => {
    const grid = Array.from({ length: 8 }, () => Array.from({ length: 8 }, (_, x) => x % 2));
    expect(marksOf({ mask: grid })?.marks[0]?.mask).toEqual(grid);
    expect(marksOf([{ label: "sky", score: 0.5, mask: PNG }])?.marks[0]?.mask).toBeInstanceOf(Blob);
    expect(marksOf({ masks: [grid, grid] })?.marks).toHaveLength(2);
    expect(marksOf({ mask: [[0, 1]] })).toBeNull();
  });

  test("the picture may stand beside it", () => {
    const found = marksOf({ image: `data:image/png;base64,${PNG}`, detections: [{ label: "cat", box: [10, 20, 40, 60] }], width: 100, height: 50 });
    expect(found?.picture?.type).toBe("image/png");
    expect(found?.size).toEqual([100, 50]);
  });

  test("is not found in labels, tables or texts", () => {
    expect(marksOf([{ label: "cat", probability: 0.4 }])).toBeNull();
    expect(marksOf([{ a: 1 }, { a: 2 }])).toBeNull();
    expect(marksOf({ mask: "a word" })).toBeNull();
  });
});

describe("tables", () => {
  const columns = (value: unknown): string[] | undefined => tableOf(value)?.columns.map((column) => column.label);
  const cells = (value: unknown): unknown[][] | undefined => tableOf(value)?.rows.map((row) => row.cells);

  test("are rows of objects, whose small objects become columns", () => {
    const value = [{ species: "setosa", probabilities: { setosa: 0.9, virginica: 0.1 } }];
    expect(columns(value)).toEqual(["species", "probabilities.setosa", "probabilities.virginica"]);
    expect(cells(value)).toEqual([["setosa", 0.9, 0.1]]);
  });

  test("are lists of lists, columns of lists, what pandas splits, and a column of values", () => {
    expect(cells([[1, "a"], [2, "b"]])).toEqual([[1, "a"], [2, "b"]]);
    expect(cells({ a: [1, 2], b: ["x", "y"] })).toEqual([[1, "x"], [2, "y"]]);
    expect(columns({ columns: ["a", "b"], index: [5, 6], data: [[1, 2], [3, 4]] })).toEqual(["index", "a", "b"]);
    expect(cells(["setosa", "virginica"])).toEqual([["setosa"], ["virginica"]]);
    const named = { cat: { precision: 0.9, n: 3 }, dog: { precision: 0.8, n: 4 } };
    expect([columns(named), cells(named)]).toEqual([["name", "precision", "n"], [["cat", 0.9, 3], ["dog", 0.8, 4]]]);
    expect(tableOf(named, "class")?.columns[0]?.label).toBe("class");
  });

  test("a column of numbers is one, with gaps too", () => {
    expect(tableOf([{ a: 1, b: "x" }, { a: null, b: "y" }])?.columns.map((column) => column.kind)).toEqual(["number", "text"]);
  });

  test("are not objects with nothing in common, nor rows of different length", () => {
    expect(tableOf([{ a: 1 }, { b: 1 }, { c: 1 }, { d: 1 }])).toBeNull();
    expect(tableOf([[1, 2], [3]])).toBeNull();
    expect(tableOf({ a: [1], b: [1, 2] })).toBeNull();
    expect(tableOf({ a: { x: 1, y: 2 }, b: { x: 1, z: 2 } })).toBeNull();
    expect(tableOf({ a: { x: 1, y: [] }, b: { x: 1, y: [] } })).toBeNull();
  });
});

describe("plots", () => {
  test("are told by their schema, their media type, or data with a layout", () => {
    expect(plotOf({ $schema: "https://vega.github.io/schema/vega-lite/v6.json" })?.language).toBe("vega-lite");
    expect(plotOf({ $schema: "https://vega.github.io/schema/vega/v5.json" })?.language).toBe("vega");
    expect(plotOf({ marks: [] }, "application/vnd.vega.v5+json")?.language).toBe("vega");
    expect(plotOf({ data: [{ type: "bar", x: [1], y: [2] }], layout: {} })?.language).toBe("plotly");
  });

  test("are not told by a schema of others, nor by data without a layout", () => {
    expect(plotOf({ $schema: "https://evil.example/schema/vega/v5.json" })).toBeNull();
    expect(plotOf({ data: [{ x: [1] }] })).toBeNull();
    expect(plotOf({ data: [[1]], layout: {} })).toBeNull();
  });
});

describe("an answer", () => {
  const kinds = (shape: Shape): unknown => (shape.kind === "parts" ? shape.parts.map((part) => [part.name, kinds(part.shape)]) : shape.kind);

  test("of DEEPaaS is looked at without its envelope", () => {
    expect(shapeOf({ status: "OK", predictions: [{ label: "3", probability: 0.9 }] }).kind).toBe("labels");
    expect(shapeOf({ status: "OK", predictions: "fine" })).toMatchObject({ kind: "facts" });
    expect(shapeOf({ flowers: [{ species: "setosa", p: 0.9, q: 1 }] }).kind).toBe("table");
  });

  test("with labels and more shows both", () => {
    const value = { title: "x.jpg", labels: ["cat", "dog"], probabilities: [0.9, 0.1], links: { Wikipedia: ["https://en.wikipedia.org/wiki/Cat", "https://en.wikipedia.org/wiki/Dog"] } };
    expect(kinds(shapeOf(value))).toEqual([["", "labels"], ["", "facts"], ["links", "table"]]);
  });

  test("of several members shows each as what it is", () => {
    const value = { seconds: 0.2, model: "a", probabilities: { a: 0.7, b: 0.6 }, plot: { $schema: "https://vega.github.io/schema/vega-lite/v6.json" }, picture: PNG };
    expect(kinds(shapeOf(value))).toEqual([["", "facts"], ["probabilities", "labels"], ["plot", "plot"], ["picture", "file"]]);
  });

  test("of a detector shows what it says beside its boxes", () => {
    const value = { image: PNG, boxes: [[1, 2, 3, 4]], labels: ["cat"], scores: [0.9], width: 9, height: 9, seconds: 0.2, caption: "a cat" };
    expect(kinds(shapeOf(value))).toEqual([["", "marks"], ["", "facts"]]);
    expect(kinds(shapeOf({ detections: [{ label: "cat", box: [1, 2, 3, 4] }], labels: { cat: 0.9, dog: 0.2 } }))).toEqual([["", "marks"], ["labels", "labels"]]);
    expect(shapeOf([{ label: "cat", box: [1, 2, 3, 4] }]).kind).toBe("marks");
  });

  describe("with a first output", () => {
    const first = (value: unknown, name: string): unknown => kinds(shapeOf(value, null, "", name));

    test("shows that member before the others, which follow as ever", () => {
      const value = { seconds: 0.2, scores: { a: 0.7, b: 0.6 }, text: "Yes.", rows: [{ x: 1 }] };
      expect(first(value, "text")).toEqual([["text", "text"], ["", "facts"], ["scores", "labels"], ["rows", "table"]]);
      expect(first(value, "rows")).toEqual([["rows", "table"], ["", "facts"], ["scores", "labels"]]);
      expect(first({ status: "OK", predictions: value }, "rows")).toEqual(first(value, "rows"));
      expect(first(value, "none")).toEqual(kinds(shapeOf(value)));
    });

    test("leaves whole what is drawn of several members", () => {
      const boxes = { boxes: [[1, 2, 3, 4]], labels: ["cat"], caption: "a cat", seconds: 1 };
      expect(first(boxes, "labels")).toEqual([["", "marks"], ["", "facts"]]);
      expect(first(boxes, "caption")).toEqual([["caption", "text"], ["", "marks"], ["", "facts"]]);
      expect(first({ labels: ["cat", "dog"], scores: [0.9, 0.1] }, "scores")).toBe("labels");
      expect(first({ cat: 0.9, dog: 0.1 }, "dog")).toBe("labels");
      expect(first({ data: [{ type: "bar", x: [1] }], layout: {} }, "layout")).toBe("plot");
    });

    test("of rows is the first column", () => {
      const columns = (value: unknown): unknown => {
        const shape = shapeOf(value, null, "", "species");
        return shape.kind === "table" && shape.columns.map((column) => column.label);
      };
      expect(columns({ predictions: [{ length: 3, species: "setosa" }] })).toEqual(["species", "length"]);
      expect(columns({ length: [3, 4], species: ["setosa", "virginica"] })).toEqual(["species", "length"]);
    });
  });

  test("that holds a file by what the model says of it is that file", () => {
    const schema = { schema: { $ref: "#/$defs/A" }, definitions: { A: { properties: { sound: { type: "string", contentEncoding: "base64", contentMediaType: "audio/wav" } } } } };
    expect(shapeOf({ sound: "AAAA" }).kind).toBe("facts");
    expect(shapeOf({ sound: "AAAA" }, schema).kind).toBe("parts");
    const shape = shapeOf({ sound: "AAAA", n: 1 }, schema);
    expect(kinds(shape)).toEqual([["", "facts"], ["sound", "file"]]);
  });

  test("that is nothing of all this is a tree, and plain values are text", () => {
    expect(shapeOf({ a: { b: { c: [{ d: [] }, 5] } } }).kind).toBe("tree");
    expect(shapeOf("<img src=x onerror=alert(1)>")).toEqual({ kind: "text", text: "<img src=x onerror=alert(1)>" });
    expect(shapeOf(3)).toEqual({ kind: "text", text: "3" });
    expect(shapeOf([]).kind).toBe("tree");
    expect(shapeOf({}).kind).toBe("tree");
  });
});
