//! Serves the description, and Swagger UI over it. Everything comes out of this binary; a browser loads nothing from
//! elsewhere.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::{Method, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;
use utoipa_swagger_ui::Config;

use super::{DOCUMENT_PATH, UI_PATH};
use crate::error::ApiError;
use crate::routes::no_route;
use crate::state::ApiState;

/// What a browser may do with the page: use what this server has, and nothing else. Swagger UI styles its parts in place
/// and draws with images that are in its own files.
const OF_THIS_SERVER: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// The routes. They need no token: the description tells nothing that the project's repository does not.
pub(crate) fn routes(document: Value) -> Router<ApiState> {
    // Without this, the page would have a validator on the internet look at the description.
    let config = Arc::new(Config::from(DOCUMENT_PATH).validator_url("none"));
    let page = Arc::clone(&config);
    let page_path = format!("{UI_PATH}/");
    let document = Arc::new(document);
    Router::new()
        .route(DOCUMENT_PATH, get(move || async move { Json(document) }))
        .route(
            UI_PATH,
            get(|| async { Redirect::permanent(&format!("{UI_PATH}/")) }),
        )
        .route(
            &page_path,
            get(move |method: Method, uri: Uri| file(String::new(), page, method, uri)),
        )
        .route(
            &format!("{page_path}{{*file}}"),
            get(move |Path(name): Path<String>, method: Method, uri: Uri| file(name, config, method, uri)),
        )
}

/// A file of Swagger UI; the page itself has the empty name.
async fn file(name: String, config: Arc<Config<'static>>, method: Method, uri: Uri) -> Response {
    match utoipa_swagger_ui::serve(&name, config) {
        Ok(Some(found)) => {
            let headers = [
                (header::CONTENT_TYPE, found.content_type.as_str()),
                (header::CONTENT_SECURITY_POLICY, OF_THIS_SERVER),
            ];
            let answer = (headers, found.bytes);
            answer.into_response()
        }
        Ok(None) => no_route(&method, &uri).into_response(),
        Err(error) => ApiError::internal(format!("Swagger UI cannot be served: {error}")).into_response(),
    }
}
