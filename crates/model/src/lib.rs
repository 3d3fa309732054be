//! x
pub mod canonical; pub mod cloud; pub mod database; pub mod decide; pub mod fold; pub mod guard; pub mod model; pub mod promise; pub mod system; pub mod worker;
