// SPDX-License-Identifier: GPL-2.0
/*
 * The one place that knows the private layout of struct kmem_cache.
 *
 * It is the kernel's own header that says it, so there is nothing to get out of
 * step with the kernel this is built for; where a field is missing or is something
 * else, this does not compile. Packaged headers leave mm/slab.h out: then nothing
 * is read, and the list of caches says what sysfs does.
 */
#include <linux/build_bug.h>
#include <linux/kobject.h>
#include <linux/slab.h>

#ifdef SLAB_RUST_LAYOUT
#include <slab.h>
#endif

#include "helpers.h"

#ifdef SLAB_RUST_LAYOUT
static_assert(__same_type(((struct kmem_cache *)0)->flags, slab_flags_t));
static_assert(__same_type(((struct kmem_cache *)0)->object_size, unsigned int));
static_assert(__same_type(((struct kmem_cache *)0)->name, const char *));
static_assert(__same_type(((struct kmem_cache *)0)->kobj, struct kobject));

bool slab_rust_layout(struct kobject *kobj, struct slab_rust_layout *layout)
{
	struct kmem_cache *s = container_of(kobj, struct kmem_cache, kobj);

	/* The kernel's own answer: it would differ if the layout did. */
	if (kmem_cache_size(s) != s->object_size)
		return false;

	layout->name = s->name;
	layout->flags = (__force unsigned int)s->flags;
	layout->object_size = s->object_size;
	return true;
}
#else
bool slab_rust_layout(struct kobject *kobj, struct slab_rust_layout *layout)
{
	return false;
}
#endif
