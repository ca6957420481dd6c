// SPDX-License-Identifier: GPL-2.0

//! Numbers of NUMA nodes.
//!
//! C header: [`include/linux/nodemask.h`](srctree/include/linux/nodemask.h)

use crate::{
    alloc::NumaNode,
    bindings,
    prelude::*, //
};

/// Returns the number of an online node, or [`bindings::NUMA_NO_NODE`].
///
/// A [`NumaNode`] may be that of a node which does not exist, where the allocator would crash; it
/// counts as no preference.
// `NumaNode` has no function that returns its number, but can be compared.
pub(crate) fn number(node: NumaNode) -> c_int {
    (0..bindings::MAX_NUMNODES as c_int)
        .find(|number| NumaNode::new(*number) == Ok(node))
        // SAFETY: The number is that of a possible node.
        .filter(|number| unsafe { bindings::node_online(*number) })
        .unwrap_or(bindings::NUMA_NO_NODE)
}
