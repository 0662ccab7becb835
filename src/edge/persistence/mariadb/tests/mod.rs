//! Against real servers: what is proved here is what they do.

mod bed;
mod faults;
mod pair;
mod parcels;
mod people;
mod schema;
mod speed;
