/** Every family computes in WebGPU what transformers does: minutes on a GPU that is software. */
import { familyTests } from "./family-tests.js";

familyTests("webgpu");
