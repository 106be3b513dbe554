//! What a real browser makes of the adapters and of the core. `tests/web_page.rs` and `tests/web_worker.rs` run all of it.
//!
//! The adapters' cases are in `js/test`; `scripts/web-tests.mjs` bundles them into the module that is imported here.

mod adapters;
mod core;

use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/build/web/adapters.js")]
extern "C" {
    /// The cases of a suite.
    fn names(suite: &str) -> Vec<String>;
    /// Runs one case.
    #[wasm_bindgen(catch)]
    async fn run(suite: &str, case: &str) -> Result<(), JsValue>;
    /// Type, one spelling and pseudonym of each vector, the first two as the browser finds them.
    fn canonicals(vectors: &str) -> Vec<String>;
    /// A pseudonym, worked out by the browser.
    #[wasm_bindgen(catch)]
    async fn pseudonym(
        salt: &[u8],
        deployment: &str,
        namespace: &str,
        epoch: u64,
        kind: &str,
        canonical: &str,
    ) -> Result<String, JsValue>;
}
