/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Has a CPU with the Security Extensions (ARMv7-A, AArch32) walk page tables
 * that were made elsewhere, and reports what it says of each address.
 *
 * Each table set is walked twice, by the two translation regimes of PL1&0:
 *
 * - Non-secure: this program runs in Secure state, whose MMU is off, and asks
 *   for the translations of the other state (ATS12NSO*). That state's registers
 *   hold what the set's owner would write to its device, and nothing else: the
 *   tables are used as they are, where they are.
 * - Secure: what takes a running program. ATS1C* tell Non-secure output from
 *   Secure, which the NS bits decide, and only a fetch tells whether code may
 *   run. The MMU is on, so that this program has to be mapped itself: TTBR0
 *   points to a copy of the first-level table in which the one entry of the
 *   program's section, which the set leaves empty, is ours. All the other
 *   entries, and all second-level tables, are those of the set.
 *
 * QEMU's loader puts everything where it belongs. At QUERIES there is the number
 * of sets; then for each set ttbr, tcr, prrr, nmrr, the number of queries, DACR and
 * bits of SCTLR; then the queries, each an address and the memory that it should
 * lead to, or all ones.
 *
 * The answers to a query are ten words in the file "answers": PAR after
 * ATS12NSO{PR,PW,UR,UW} and ATS1C{PR,PW,UR,UW}, then what came of fetching an
 * instruction, privileged and not: the address that the instruction found in
 * memory, or a fault as PAR would have it, or one of the two below.
 *
 * Manual: ARM Architecture Reference Manual ARMv7-A/R (DDI 0406).
 */

/* QUERIES and PROGRAM are addresses that come from dump.py. */

/*
 * Answers that no translation gives: not fetched, since it would lead astray; and
 * an exception that a fetch does not cause.
 */
#define ASTRAY		0xffffffff
#define UNEXPECTED	0xfffffffd

#define MODE_USR	0x10
#define MODE_SVC	0x13
#define MODE_MON	0x16
#define MASKED		0x1c0		/* no asynchronous aborts and interrupts */

#define SCR_NS		(1 << 0)
#define SCTLR_M		(1 << 0)
#define SCTLR_TRE	(1 << 28)
#define SCTLR_AFE	(1 << 29)

#define L1_ENTRIES	4096
#define TTBR_ATTRIBUTES	0x3fff
/* A section for PL1 only, to read, write and execute; its access flag is set. */
#define OWN_SECTION	(PROGRAM | 1 << 10 | 2)

#define PAR_F		(1 << 0)
#define PAR_SS		(1 << 1)

/* Semihosting: calls that QEMU answers. */
#define SYS_OPEN	0x01
#define SYS_WRITE	0x05
#define SYS_EXIT	0x18
#define MODE_WB		5
#define EXITED		0x20026
#define semihosting	svc	#0x123456

	.syntax	unified
	.arch	armv7-a
	.arch_extension sec
	.arm
	.text

	.globl	_start
	.balign	32
vectors:
_start:
	b	start
	b	unexpected
	b	executed
	b	refused
	b	unexpected
	b	unexpected
	b	unexpected
	b	unexpected

/* Writes a set's registers, those of the current state, from r0-r3, r7, r8. */
	.macro	set_registers
	mcr	p15, 0, r0, c2, c0, 0		@ TTBR0
	mcr	p15, 0, r1, c2, c0, 2		@ TTBCR
	mcr	p15, 0, r2, c10, c2, 0		@ PRRR
	mcr	p15, 0, r3, c10, c2, 1		@ NMRR
	mcr	p15, 0, r7, c3, c0, 0		@ DACR
	mrc	p15, 0, lr, c1, c0, 0		@ SCTLR
	bic	lr, lr, #SCTLR_M
	bic	lr, lr, #SCTLR_TRE | SCTLR_AFE
	orr	lr, lr, r8
	mcr	p15, 0, lr, c1, c0, 0
	isb
	mcr	p15, 0, r0, c8, c7, 0		@ TLBIALL
	dsb
	isb
	.endm

	.macro	set_scr value
	mov	lr, #\value
	mcr	p15, 0, lr, c1, c1, 0
	isb
	.endm

/* Writes down what translating the address in r7 gives: operation c7, c8, \op. */
	.macro	translate op
	mcr	p15, 0, r7, c7, c8, \op
	isb
	mrc	p15, 0, r0, c7, c4, 0		@ PAR
	str	r0, [r5], #4
	.endm

/* Writes down what a fetch from the address in r7 gives, in a mode. */
	.macro	fetch mode
	mov	r0, #\mode | MASKED
	msr	spsr_cxsf, r0
	adr	r11, 1f
	movs	pc, r7
1:	str	r0, [r5], #4
	.endm

/*
 * r4: what is read next, r5: where the next answer goes, r6: queries left,
 * r9: SCTLR with the MMU off, r10: with the MMU on, r11: where exceptions go,
 * r12: sets left.
 */
start:
	ldr	r0, =vectors
	mcr	p15, 0, r0, c12, c0, 0		@ VBAR
	isb
	mov	r0, #SYS_OPEN
	adr	r1, open
	semihosting
	str	r0, file
	ldr	r4, =QUERIES
	ldr	r12, [r4], #4

next_set:
	ldm	r4!, {r0-r3, r6-r8}
	mrc	p15, 0, r9, c1, c0, 0
	bic	r9, r9, #SCTLR_TRE | SCTLR_AFE
	orr	r9, r9, r8
	orr	r10, r9, #SCTLR_M

	orr	r8, r8, #SCTLR_M
	cps	#MODE_MON
	set_scr	SCR_NS
	set_registers
	set_scr	0
	cps	#MODE_SVC
	bic	r8, r8, #SCTLR_M

	@ The copy for Secure state.
	ldr	r5, =TTBR_ATTRIBUTES
	and	lr, r0, r5
	bic	r0, r0, r5
	ldr	r5, =l1
	orr	lr, lr, r5
	mov	r11, #L1_ENTRIES
1:	ldr	r10, [r0], #4
	str	r10, [r5], #4
	subs	r11, r11, #1
	bne	1b
	ldr	r5, =l1 + 4 * (PROGRAM >> 20)
	ldr	r10, =OWN_SECTION
	str	r10, [r5]
	mov	r0, lr
	set_registers
	orr	r10, r9, #SCTLR_M
	ldr	r5, =answers
	adr	r11, leave

next_query:
	ldm	r4!, {r7, r8}
	@ What there is to fetch.
	cmn	r8, #1
	ldrne	r0, code
	ldrne	r1, code + 4
	stmne	r8, {r0, r1, r8}

	translate 4
	translate 5
	translate 6
	translate 7

	mcr	p15, 0, r10, c1, c0, 0
	isb
	translate 0
	translate 1
	translate 2
	translate 3

	@ A fetch may fail, but not lead to memory that holds no code of ours.
	ldr	r0, [r5, #-16]
	tst	r0, #PAR_F
	bne	1f
	eor	r2, r0, r8
	tst	r0, #PAR_SS
	lsreq	r2, r2, #12
	lsrne	r2, r2, #24
	cmp	r2, #0
	bne	astray
1:	fetch	MODE_SVC
	fetch	MODE_USR

answered:
	mcr	p15, 0, r9, c1, c0, 0
	isb
	subs	r6, r6, #1
	bne	next_query

	ldr	r0, =answers
	sub	r5, r5, r0
	str	r5, length
	mov	r0, #SYS_WRITE
	adr	r1, file
	semihosting
	subs	r12, r12, #1
	bne	next_set

leave:
	mov	r0, #SYS_EXIT
	ldr	r1, =EXITED
	semihosting

astray:
	mvn	r0, #~ASTRAY
	str	r0, [r5], #4
	str	r0, [r5], #4
	b	answered

/* What is fetched, followed by its address, which it finds two words on. */
code:
	ldr	r0, [pc]
	svc	#0

executed:
	bx	r11

/* Makes of IFSR what PAR has: FS and the kind of an external abort. */
refused:
	mrc	p15, 0, r0, c5, c0, 1
	and	r1, r0, #0xf
	lsl	r1, r1, #1
	orr	r1, r1, #PAR_F
	and	r2, r0, #1 << 10
	orr	r1, r1, r2, lsr #5
	and	r2, r0, #1 << 12
	orr	r0, r1, r2, lsr #6
	cps	#MODE_SVC
	bx	r11

unexpected:
	mvn	r0, #~UNEXPECTED
	cps	#MODE_SVC
	bx	r11

	.balign	4
open:	.word	name, MODE_WB, name_end - name
/* The arguments of SYS_WRITE. */
file:	.word	0, answers
length:	.word	0
name:	.ascii	"answers"
name_end:
	.byte	0
	.ltorg

	.bss
	.balign	4 * L1_ENTRIES
l1:	.space	4 * L1_ENTRIES
answers:
