// SPDX-License-Identifier: GPL-2.0

//! The number of a NUMA node.
//!
//! C header: [`include/linux/numa.h`](srctree/include/linux/numa.h)

use kernel::{
    alloc::NumaNode,
    bindings,
    prelude::*, //
};

/// The node's number, as C has it; [`bindings::NUMA_NO_NODE`] for no preference.
// `NumaNode` hides its number, and compares.
pub(crate) fn number(node: NumaNode) -> c_int {
    (0..bindings::MAX_NUMNODES as c_int)
        .find(|number| NumaNode::new(*number) == Ok(node))
        .unwrap_or(bindings::NUMA_NO_NODE)
}
