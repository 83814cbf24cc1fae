/** Every family computes in WASM what transformers does. */
import { familyTests } from "./family-tests.js";

familyTests("wasm");
