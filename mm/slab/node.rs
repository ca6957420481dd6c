// SPDX-License-Identifier: GPL-2.0

//! The number of a NUMA node.
//!
//! C header: [`include/linux/nodemask.h`](srctree/include/linux/nodemask.h)

use crate::{
    alloc::NumaNode,
    bindings,
    prelude::*, //
};

/// The node's number, as C has it, or [`bindings::NUMA_NO_NODE`].
///
/// A [`NumaNode`] may be of a node that the machine has not, and the allocator
/// would look for its memory all the same; such a node counts as no preference.
// `NumaNode` hides its number, and compares.
pub(crate) fn number(node: NumaNode) -> c_int {
    (0..bindings::MAX_NUMNODES as c_int)
        .find(|number| NumaNode::new(*number) == Ok(node))
        // SAFETY: The number is that of a possible node.
        .filter(|number| unsafe { bindings::node_online(*number) })
        .unwrap_or(bindings::NUMA_NO_NODE)
}
