//! `/api/v1/ossea`: what the cloud has to offer.

use axum::Json;
use axum::extract::State;

use crate::dto::{NetworkList, NetworkView};
use crate::error::ApiError;
use crate::state::ApiState;

/// The networks of the configured zone, by name.
pub(super) async fn networks(State(state): State<ApiState>) -> Result<Json<NetworkList>, ApiError> {
    let mut networks = state.service.cloud.networks(&state.service.target.zone).await?;
    networks.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    let view = |network: ::ossea::Network| NetworkView {
        id: network.id,
        name: network.name,
        kind: network.kind,
        zone_id: network.zone,
        state: network.state,
        can_deploy: network.can_deploy,
    };
    Ok(Json(NetworkList {
        networks: networks.into_iter().map(view).collect(),
    }))
}
