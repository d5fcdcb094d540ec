//! The stylesheet, the script, the picture of the tab: ours, inside the program.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::error::PageError;
use super::guard::Route;

struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
}

const ASSETS: [Asset; 3] = [
    Asset { name: "style.css", kind: "text/css; charset=utf-8", content: include_str!("assets/style.css") },
    Asset { name: "live.js", kind: "text/javascript; charset=utf-8", content: include_str!("assets/live.js") },
    Asset { name: "icon.svg", kind: "image/svg+xml", content: include_str!("assets/icon.svg") },
];

/// Their content in short: browsers keep an asset for as long as its address is the same.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let hash = ASSETS.iter().fold(Sha256::new(), |hash, asset| hash.chain_update(asset.content.as_bytes())).finalize();
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
});

pub(super) fn routes() -> Vec<Route> {
    vec![Route::open("/assets/{version}/{name}", asset)]
}

/// The address of an asset.
pub(super) fn path(name: &str) -> String {
    format!("/assets/{}/{name}", *VERSION)
}

async fn asset(Path((_, name)): Path<(String, String)>) -> Result<Response, PageError> {
    let asset = ASSETS.iter().find(|asset| asset.name == name).ok_or(PageError::NotFound)?;
    let headers = [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, asset.content).into_response())
}
