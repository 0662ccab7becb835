//! Arrays of more than 32, which serde does not know.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub fn serialize<S: Serializer, T: Serialize, const N: usize>(array: &[T; N], to: S) -> Result<S::Ok, S::Error> {
    array.as_slice().serialize(to)
}

pub fn deserialize<'de, D: Deserializer<'de>, T: Deserialize<'de>, const N: usize>(
    from: D,
) -> Result<[T; N], D::Error> {
    let values = Vec::<T>::deserialize(from)?;
    values.try_into().map_err(|values: Vec<T>| D::Error::invalid_length(values.len(), &"another number of values"))
}
