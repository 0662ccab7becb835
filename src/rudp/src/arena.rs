//! A bounded table of slots that are reused, with a generation so that an old name never reaches a new tenant.

/// Slots are given out lowest free index last used first; storage grows up to the bound and is then kept.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    slots_max: u32,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Arena<T> {
    pub(crate) fn new(slots_max: u32) -> Self {
        Self { slots: Vec::with_capacity(slots_max as usize), free: Vec::with_capacity(slots_max as usize), slots_max }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= self.slots_max as usize
    }

    /// Puts in what `make` builds from slot and generation; `None` when full.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(u32, u32) -> T) -> Option<u32> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.slots.len() < self.slots_max as usize => {
                self.slots.push(Slot { generation: 0, value: None });
                (self.slots.len() - 1) as u32
            }
            None => return None,
        };
        let entry = &mut self.slots[slot as usize];
        entry.value = Some(make(slot, entry.generation));
        Some(slot)
    }

    /// Takes the value out; the slot's next tenant has another generation.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<T> {
        let entry = self.slots.get_mut(slot as usize)?;
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.free.push(slot);
        Some(value)
    }

    pub(crate) fn at(&self, slot: u32) -> Option<&T> {
        self.slots.get(slot as usize)?.value.as_ref()
    }

    pub(crate) fn at_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.slots.get_mut(slot as usize)?.value.as_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_tenant_of_a_slot_has_another_generation() {
        let mut arena = Arena::new(1);
        let slot = arena.insert_with(|_, generation| generation).unwrap();
        assert!(arena.is_full() && arena.insert_with(|_, _| 9).is_none());
        assert_eq!(arena.remove(slot), Some(0));
        assert_eq!(arena.remove(slot), None);
        let slot = arena.insert_with(|_, generation| generation).unwrap();
        assert_eq!((arena.at(slot), arena.len()), (Some(&1), 1), "generation 1");
    }
}
