/** Layers that several families have: each brings its products and norms. */
import type { Activation, AttentionShape, Layer, Norm, Product, Projections, Rotary } from "./architecture.js";

/** A layer whose feed-forward is one product, an activation, and another product. */
export interface PlainLayer {
  readonly attention: AttentionShape;
  readonly projections: Projections;
  readonly output: Product;
  readonly inner: Product;
  readonly activation: Activation;
  readonly outer: Product;
}

/** x += attention(norm(x)), x += outer(act(inner(norm(x)))). Without a rotation positions are in the embedding. */
export const plainLayer = (parts: PlainLayer, rotary: Rotary | undefined): Layer => ({
  attention: parts.attention,
  forward(op, x) {
    const { attention } = op.project(x, parts.projections, []);
    const attended = op.attend(rotary === undefined ? attention : op.rotate(attention, rotary));
    const between = op.addProducts(x, [[attended, parts.output]]);
    const [inner] = op.products(between, [parts.inner]) as [typeof x];
    return op.addProducts(between, [[op.activate(inner, parts.activation), parts.outer]]);
  },
});

/** A layer with a gated feed-forward, and a norm behind each branch; most have norms of queries and keys. */
export interface PostNormLayer {
  readonly attention: AttentionShape;
  readonly projections: Projections;
  readonly headNorms?: { readonly query: Norm; readonly key: Norm };
  readonly output: Product;
  readonly behindAttention: Norm;
  readonly gate: Product;
  readonly up: Product;
  readonly activation: Activation;
  readonly down: Product;
  readonly behindFeedForward: Norm;
}

/** x += norm(attention(x)), x += norm(down(act(gate(x)) · up(x))); products may have norms in front, too. */
export const postNormLayer = (parts: PostNormLayer, rotary: Rotary): Layer => ({
  attention: parts.attention,
  forward(op, x) {
    const projected = op.project(x, parts.projections, []).attention;
    const attention = parts.headNorms === undefined ? projected : op.normHeads(projected, parts.headNorms);
    const attended = op.attend(op.rotate(attention, rotary));
    const [branch] = op.products(attended, [parts.output]) as [typeof x];
    const between = op.add(x, op.norm(branch, parts.behindAttention));
    const [gate, up] = op.products(between, [parts.gate, parts.up]) as [typeof x, typeof x];
    const activated = op.multiply(op.activate(gate, parts.activation), up);
    const [inner] = op.products(activated, [parts.down]) as [typeof x];
    return op.add(between, op.norm(inner, parts.behindFeedForward));
  },
});
