//! The two doors to the simulated cloud.

use ossea_sim::{InProcessCloud, Profile, SimSettings};

use crate::world::{World, contents};

/// The simulator as a client of its own, with the real durations on virtual time.
pub(crate) fn in_process() -> World {
    let cloud = InProcessCloud::new(&contents(), SimSettings::of(Profile::V4_22));
    World::new(cloud.clone(), cloud)
}
