// The relation behind each experiment, as a formula and a sentence.

export interface Relation {
  formula: string;
  words: string;
}

export const relations: Record<string, Relation[]> = {
  "vanishing-gradients": [
    {
      formula: "chi_1 = sigma_w^2 * E[f'(sqrt(q)*z)^2]",
      words: "is what one layer does to the mean square of a gradient, z ~ N(0, 1);"
    },
    {
      formula: "g_1/g_L = sqrt(chi_1^(L - 1))",
      words: "is then what arrives at layer 1 of L: below 1 it vanishes, above 1 it explodes."
    }
  ],
  "init-pairing": [
    {
      formula: "q' = sigma_w^2 * E[f(sqrt(q)*z)^2] + sigma_b^2",
      words: "maps the mean square pre-activation of one layer to that of the next;"
    },
    {formula: "sigma_w^2 = 1/E[f(z)^2]", words: "keeps it at 1: 2 for ReLU, which is He's rule."}
  ],
  "dying-relu": [{
    formula: "max(w_1*x_i + b) <= 0",
    words: "over all inputs: the unit is silent, its gradient is exactly 0, and only layers below it can wake it."
  }],
  "gelu-vs-relu": [{
    formula: "gelu(x) = x*erfc(-x/sqrt(2))/2",
    words: "weighs x by the normal distribution where ReLU, max(x, 0), gates it by its sign."
  }],
  softmax: [{
    formula: "p_i = exp(z_i/T)/(sum_j(exp(z_j/T)))",
    words: "with temperature T: a small one sharpens, a large one evens out."
  }],
  "linear-and-universal":
      [{formula: "W_2*(W_1*x) = (W_2*W_1)*x", words: "is why layers without a bend collapse into one."}]
};
