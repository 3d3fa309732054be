//! The API's description (OpenAPI 3.1), made from the routes themselves.
//!
//! Each handler says what is its own: parameters, body, answers, and the problems that only it has. What all operations
//! share (the token, and the problems that any request can meet) is put in here, once, so no route can forget it.

mod document;
mod examples;
mod headers;
pub(crate) mod problems;
mod queries;
mod schemas;
mod ui;

use failover_domain::FailoverType;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use crate::dto::Problem;

pub(crate) use document::finished;
pub(crate) use queries::{KnownQueries, refuse_unknown};
pub(crate) use ui::routes;

/// Where the description is served.
pub(crate) const DOCUMENT_PATH: &str = "/api/v1/openapi.json";

/// Where people read it and try it out.
pub(crate) const UI_PATH: &str = "/api/v1/docs";

/// The name under which the description knows the bearer token.
const BEARER: &str = "bearer";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "OSSEA Failover",
        description = "Moves VMware VMs, whose disks are replicated into volumes of an Apache CloudStack cloud, over to \
            that cloud, and brings everything back when something goes wrong.\n\n\
            Every error is a problem (RFC 9457) with an `error_code` to decide on, a `detail` for people and the \
            `required_actions`. Long work answers 202 with the job's URL. Lists have pages: `next_cursor` of one answer \
            is the `cursor` of the next request. Request bodies refuse unknown fields; answers may gain fields, so \
            clients must not.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "failover", description = "Starting failovers and steering their jobs."),
        (name = "readiness", description = "Whether a source VM may be failed over."),
        (name = "attention", description = "What people are needed for."),
        (name = "inventory", description = "Source VMs and their replicas, as migration tools report them."),
        (name = "network-mappings", description = "Which cloud network a network of a source VM becomes."),
        (name = "ossea", description = "What the cloud is like and has to offer. Nothing here changes anything."),
        (name = "access", description = "Who may use the API."),
        (name = "audit", description = "Who changed what, and why."),
        (name = "debug", description = "For whoever looks for a fault. Nothing here asks the cloud or changes anything."),
        (name = "health", description = "For load balancers and monitoring, without a token."),
    ),
    // Types that only queries have are not found through the routes.
    components(schemas(Problem, FailoverType)),
)]
struct Frame;

/// The description's frame, to which the routes add themselves.
pub(crate) fn frame() -> utoipa::openapi::OpenApi {
    let mut frame = Frame::openapi();
    let components = frame.components.get_or_insert_default();
    components.add_security_scheme(BEARER, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    components.responses.extend(problems::all());
    frame
}
