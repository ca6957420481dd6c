// SPDX-License-Identifier: GPL-2.0
/*
 * Mistakes that the kernel's checks must find, by which scripts/tests/debug shows
 * that a report of each kind is seen. In C are those that Rust has no words for;
 * plant_rust.rs has the others, and modules of the kernel's own have more.
 *
 * Loading makes the mistake that the parameter names. For guests with one CPU.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debug_locks.h>
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/irq_work.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/workqueue.h>

static char *mistake = "none";
module_param(mistake, charp, 0);
MODULE_PARM_DESC(mistake, "Which mistake to make");

static DEFINE_SPINLOCK(first);
static DEFINE_SPINLOCK(second);
static DEFINE_RAW_SPINLOCK(raw);
static DEFINE_MUTEX(mutex);

/*
 * Lockdep ends its work with its first report. On the only CPU and without
 * preemption nobody has taken or released a lock since, and it can go on. It has
 * not noted the lock that it complained of.
 */
static void lockdep_goes_on(void)
{
	debug_locks = 1;
}

/* Two locks, taken in one order and in the other. */
static void plant_circular(void)
{
	spin_lock(&first);
	spin_lock(&second);
	spin_unlock(&second);
	spin_unlock(&first);
	spin_lock(&second);
	spin_lock(&first);
	spin_unlock(&first);
	lockdep_goes_on();
	spin_unlock(&second);
}

/* Two locks of one class at the same time. */
static void plant_recursive(void)
{
	spinlock_t pair[2]; /* of this function only */
	int i;

	for (i = 0; i < 2; i++)
		spin_lock_init(&pair[i]);
	spin_lock(&pair[0]);
	spin_lock(&pair[1]);
	spin_unlock(&pair[1]);
	lockdep_goes_on();
	spin_unlock(&pair[0]);
}

static void in_interrupt_too(struct irq_work *work)
{
	raw_spin_lock(&raw);
	raw_spin_unlock(&raw);
}

/* A lock that interrupts take, with interrupts on. */
static void plant_irq(void)
{
	struct irq_work work = IRQ_WORK_INIT_HARD(in_interrupt_too);

	irq_work_queue(&work);
	irq_work_sync(&work);
	preempt_disable();
	raw_spin_lock(&raw);
	raw_spin_unlock(&raw);
	lockdep_goes_on();
	preempt_enable();
}

/* A lock that may sleep on PREEMPT_RT, within one that may not. */
static void plant_wait(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&raw, flags);
	spin_lock(&first);
	spin_unlock(&first);
	lockdep_goes_on();
	raw_spin_unlock_irqrestore(&raw, flags);
}

/* A lock that nobody has taken. */
static void plant_lock(void)
{
	preempt_disable();
	lock_release(&first.dep_map, _RET_IP_);
	lockdep_goes_on();
	preempt_enable();
}

static void plant_freed(void)
{
	spinlock_t *lock = kmalloc_obj(*lock);

	if (!lock)
		return;
	spin_lock_init(lock);
	spin_lock(lock);
	kfree(lock);
	lockdep_goes_on();
	lock_release(&lock->dep_map, _RET_IP_);
	preempt_enable();
}

/* The way back to user space, with a lock. */
static void plant_held(void)
{
	mutex_lock(&mutex);
}

static void plant_rcu(void)
{
	static int __rcu *pointer;

	pr_info("%p\n", rcu_dereference(pointer));
}

static void plant_atomic(void)
{
	preempt_disable();
	/* Which puts an end to it. */
	schedule_timeout_uninterruptible(1);
}

static void plant_preempt(void)
{
	pr_info("on CPU %d\n", smp_processor_id());
}

/* A write behind an object, one to a free object, and an object that outlives its cache. */
static void plant_slab(void)
{
	struct kmem_cache *cache = kmem_cache_create("planted", 64, 0, SLAB_NO_MERGE, NULL);
	char *kept, *object;

	if (!cache)
		return;
	kept = kmem_cache_alloc(cache, GFP_KERNEL);
	object = kmem_cache_alloc(cache, GFP_KERNEL);
	if (kept && object) {
		object[64] = 0;
		kmem_cache_free(cache, object);
		/* Out of KASAN's quarantine. */
		kmem_cache_shrink(cache);
		object[8] = 0;
		object = kmem_cache_alloc(cache, GFP_KERNEL);
	}
	kmem_cache_destroy(cache);
}

static void plant_page(void)
{
	struct page *page = alloc_page(GFP_KERNEL);

	if (!page)
		return;
	page->mapping = (void *)page;
	__free_page(page);
}

static void plant_dma(void)
{
	struct platform_device *pdev = platform_device_register_simple("planted", -1, NULL, 0);

	if (IS_ERR(pdev))
		return;
	dma_unmap_single(&pdev->dev, PAGE_SIZE, 64, DMA_TO_DEVICE);
	platform_device_unregister(pdev);
}

static void ignore(struct timer_list *timer)
{
}

static void plant_object(void)
{
	struct timer_list *timer = kmalloc_obj(*timer);

	if (!timer)
		return;
	timer_setup(timer, ignore, 0);
	mod_timer(timer, jiffies + 1000 * HZ);
	kfree(timer);
}

static void wait_for_readers(struct work_struct *work)
{
	synchronize_rcu_expedited();
}

/* A reader that takes long, while somebody waits for it. */
static void plant_stall(void)
{
	static DECLARE_WORK(waiter, wait_for_readers);

	schedule_work(&waiter);
	rcu_read_lock();
	mdelay(1500);
	rcu_read_unlock();
	flush_work(&waiter);
}

static void take_long(struct work_struct *work)
{
	preempt_disable();
	mdelay(4000);
	preempt_enable();
}

/* What waits for a CPU's workers while one of them does not give way. */
static void plant_workqueue(void)
{
	static DECLARE_WORK(one, take_long);
	static DECLARE_WORK(other, take_long);

	schedule_work_on(0, &one);
	schedule_work_on(0, &other);
	flush_work(&one);
	cancel_work_sync(&other);
}

static const struct {
	const char *name;
	void (*plant)(void);
} mistakes[] = {
	{ "circular", plant_circular },
	{ "recursive", plant_recursive },
	{ "irq", plant_irq },
	{ "wait", plant_wait },
	{ "lock", plant_lock },
	{ "freed", plant_freed },
	{ "held", plant_held },
	{ "rcu", plant_rcu },
	{ "atomic", plant_atomic },
	{ "preempt", plant_preempt },
	{ "slab", plant_slab },
	{ "page", plant_page },
	{ "dma", plant_dma },
	{ "object", plant_object },
	{ "stall", plant_stall },
	{ "workqueue", plant_workqueue },
};

static int __init plant_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(mistakes); i++) {
		if (!strcmp(mistakes[i].name, mistake)) {
			mistakes[i].plant();
			return 0;
		}
	}
	pr_err("there is no mistake '%s'\n", mistake);
	return -EINVAL;
}
module_init(plant_init);

static void __exit plant_exit(void)
{
}
module_exit(plant_exit);

MODULE_DESCRIPTION("Makes mistakes on purpose, in C");
MODULE_LICENSE("GPL");
