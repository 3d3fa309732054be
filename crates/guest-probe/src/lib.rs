//! Reaches guests over the network.
