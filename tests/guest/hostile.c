/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostile SEED SECONDS - images that lie, for the target ploop: ploop-hostile.sh.
 *
 * Round by round, in the current directory: a chain of one to three images, some
 * of them changed where it may hurt (a field of the header, entries, the length
 * of the file); a table of them, which may be wrong, too; and if the kernel takes
 * it, whatever can be asked of a device. What must hold, beside that the kernel
 * complains of nothing: an image below the top is not written to; a device goes
 * when it is told to; and the table of a top that was sound is sound after that.
 *
 * Prints the rounds, how many tables were taken, and I/O done; exits 1 with a
 * line naming the round otherwise. A round depends on SEED and its number only:
 * hostile SEED 0 N does round N alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../ploop/dm.h"

#define NAME	      "vesper-hostile"
#define LEVELS	      3
#define CLUSTER	      (64 * 512)
#define MAX_IO	      (4 * CLUSTER)
#define ROUNDS_LEAST  12 /* on a machine that does other things */
#define FILE_CLUSTERS 12

struct image {
	char name[8];
	int fd;
	uint32_t clusters, first, data; /* of its table; before the data; of data */
	bool sound;
	uint64_t sum;
};

static struct image images[LEVELS];
static unsigned int levels, round_number;
static unsigned long loads, taken, done, failed;
static uint64_t state;
static unsigned char *buffer;
static int dm;

static uint32_t any(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state >> 16;
}

static uint32_t below(uint32_t n)
{
	return any() % n;
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void fail(const char *what)
{
	printf("round %u: %s\n", round_number, what);
	exit(1);
}

static void put(struct image *img, off_t at, const void *data, size_t len)
{
	if (pwrite(img->fd, data, len, at) != (ssize_t)len)
		die("write");
}

static void put32(struct image *img, off_t at, uint32_t value)
{
	put(img, at, &value, sizeof(value));
}

static uint32_t get32(const struct image *img, off_t at)
{
	uint32_t value = 0;

	return pread(img->fd, &value, sizeof(value), at) == sizeof(value) ? value : 0;
}

static off_t entry_at(uint32_t cluster)
{
	return 64 + (off_t)cluster * 4;
}

static void make(struct image *img, unsigned int level)
{
	uint64_t sectors;
	uint32_t i;

	snprintf(img->name, sizeof(img->name), "i%u", level);
	unlink(img->name);
	img->fd = open(img->name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (img->fd < 0)
		die(img->name);
	img->clusters = below(3) ? 200 + below(100) : 8000 + below(20000);
	img->first = (64 + img->clusters * 4 + CLUSTER - 1) / CLUSTER;
	img->data = 1 + below(FILE_CLUSTERS);
	img->sound = true;
	if (ftruncate(img->fd, (off_t)(img->first + img->data) * CLUSTER) < 0)
		die("truncate");
	sectors = (uint64_t)img->clusters * (CLUSTER / 512);
	put(img, 0, "WithouFreSpacExt", 16);
	put32(img, 16, 2);
	put32(img, 20, 16);
	put32(img, 28, CLUSTER / 512);
	put32(img, 32, img->clusters);
	put(img, 36, &sectors, sizeof(sectors));
	put32(img, 48, img->first * (CLUSTER / 512));
	for (i = 0; i < img->data; i++)
		put32(img, entry_at(i < 8 ? i : i * (img->clusters / FILE_CLUSTERS / 2)),
		      img->first + i);
}

/* --- lies -------------------------------------------------------------------------- */

static uint32_t odd_value(const struct image *img, uint32_t was)
{
	const uint32_t values[] = {
		0,
		1,
		2,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		was + 1,
		was - 1,
		was << 1,
		img->first,
		img->first - 1,
		img->first + img->data,
		any(),
		below(100),
		img->clusters + 1,
		img->first + img->data - 1,
	};

	return values[below(sizeof(values) / sizeof(values[0]))];
}

static void lie_in_header(struct image *img)
{
	off_t at = below(4) ? 28 + below(9) * 4 : below(16) * 4;

	put32(img, at, odd_value(img, get32(img, at)));
}

static void lie_in_table(struct image *img)
{
	uint32_t n = 1 + below(4), i;

	for (i = 0; i < n; i++) {
		off_t at = entry_at(below(2) ? below(12) : below(img->clusters));

		put32(img, at, odd_value(img, get32(img, at)));
	}
}

static void overlap(struct image *img)
{
	uint32_t place = img->first + below(img->data), n = 1 + below(3), i;

	for (i = 0; i < n; i++)
		put32(img, entry_at(below(img->clusters)), place);
}

static void noise(struct image *img)
{
	uint32_t words[64], i;

	for (i = 0; i < 64; i++)
		words[i] = any() & (below(2) ? 0xffffffff : 0x1f);
	put(img, entry_at(below(img->clusters)), words, sizeof(words));
}

static void other_length(struct image *img)
{
	struct stat st;
	off_t len;

	fstat(img->fd, &st);
	switch (below(4)) {
	case 0:
		len = below((uint32_t)st.st_size + 1);
		break;
	case 1:
		len = st.st_size + below(CLUSTER);
		break;
	case 2:
		len = (off_t)1 << (33 + below(8));
		break;
	default:
		len = below(3) * CLUSTER;
	}
	if (ftruncate(img->fd, len) < 0)
		die("truncate");
}

static void lie(struct image *img)
{
	void (*const lies[])(struct image *) = {lie_in_header, lie_in_table, lie_in_table,
						overlap,       noise,	     other_length};
	unsigned int n = 1 + below(3);

	img->sound = false;
	while (n--)
		lies[below(6)](img);
}

/* --- what must hold ------------------------------------------------------------------ */

/* Of its beginning: nothing that is done here comes to lie behind that. */
static uint64_t sum_of(const struct image *img)
{
	uint64_t sum = 14695981039346656037u;
	ssize_t n = pread(img->fd, buffer, MAX_IO, 0), i;
	off_t at;

	for (at = 0; n > 0 && at < (off_t)16 * CLUSTER; n = pread(img->fd, buffer, MAX_IO, at)) {
		/* One that lies may end anywhere; what was in the buffer is not of it. */
		if (n % 8)
			memset(buffer + n, 0, 8 - n % 8);
		for (i = 0; i < n; i += 8)
			sum = (sum ^ *(uint64_t *)(buffer + i)) * 1099511628211u;
		at += n;
	}
	return sum;
}

static void check_top(const struct image *img)
{
	uint32_t first = get32(img, 48) / (CLUSTER / 512), clusters = get32(img, 32), i;
	uint32_t *table = calloc(clusters, sizeof(*table));
	unsigned char *seen;
	struct stat st;

	fstat(img->fd, &st);
	seen = calloc((size_t)(st.st_size / CLUSTER) + 1, 1);
	if (!table || !seen || pread(img->fd, table, (size_t)clusters * 4, 64) < 0)
		die("table");
	if (get32(img, 44) != 0)
		fail("the image is not closed");
	for (i = 0; i < clusters; i++) {
		if (!table[i])
			continue;
		if (table[i] < first || table[i] >= (uint64_t)st.st_size / CLUSTER)
			fail("an entry is outside of the data");
		if (seen[table[i]]++)
			fail("two entries are the same");
	}
	free(seen);
	free(table);
}

/* --- a device -------------------------------------------------------------------------- */

/* One that is wrong in one round of four. */
static void table(char *line, size_t size, uint64_t *sectors, bool again)
{
	const struct image *top = &images[levels - 1];
	bool wrong = !again && below(4) == 0;
	size_t n = 0;
	unsigned int i;

	*sectors = (uint64_t)top->clusters * (CLUSTER / 512);
	if (wrong && below(2))
		*sectors = below(2) ? *sectors + 1 + below(100) : (uint64_t)any() << below(20);
	n += snprintf(line, size, "%u", wrong && below(4) == 0 ? below(20) : 6);
	if (below(4) == 0)
		n += snprintf(line + n, size - n, " falloc_new_clu");
	if (wrong && below(3) == 0)
		n += snprintf(line + n, size - n, " off=%llu",
			      (unsigned long long)any() << below(40));
	for (i = 0; i < levels; i++) {
		const struct image *img = &images[wrong && below(4) == 0 ? below(levels) : i];

		n += snprintf(line + n, size - n, " %s%d",
			      !again && below(12) == 0 && i == 0 ? "raw@" : "", img->fd);
	}
}

static void ask(dev_t dev)
{
	static const char *const words[] = {
		"tracking_start", "tracking_stop", "tracking_get_next",
		"get_event",	  "get_img_name",  "tracking_clear",
		"resize",	  "resize",	   "share",
		"hold",		  "merge",	   "set_falloc_new_clu"};
	char message[80], answer[4400];
	unsigned int i = below(sizeof(words) / sizeof(words[0]));
	uint64_t sectors = (uint64_t)(images[levels - 1].clusters + below(20000)) * (CLUSTER / 512);

	if (i < 4)
		snprintf(message, sizeof(message), "%s", words[i]);
	else if (i == 6)
		snprintf(message, sizeof(message), "resize %llu", (unsigned long long)sectors);
	else
		snprintf(message, sizeof(message), "%s %u", words[i],
			 below(2)   ? below(4)
			 : below(4) ? any()
				    : below(30000));
	dm_message(dm, dev, message, answer, sizeof(answer));
}

static void use(int disk, dev_t dev, uint64_t sectors)
{
	uint64_t range[2] = {(uint64_t)below(2 + below(2) * 40) * CLUSTER, (1 + below(32)) * 4096};
	int r = 0;

	if (below(2))
		range[0] += below(8) * 4096;
	if (below(4) == 0)
		range[0] = sectors * 512 * below(100) / 100 / 4096 * 4096;
	switch (below(9)) {
	case 0:
	case 1:
	case 2:
		r = pread(disk, buffer, range[1], range[0]) < 0;
		break;
	case 3:
	case 4:
	case 5:
		memset(buffer, round_number, range[1]);
		r = pwrite(disk, buffer, range[1], range[0]) < 0;
		break;
	case 6:
		range[1] = (1 + below(6)) * CLUSTER;
		r = ioctl(disk, below(2) ? BLKDISCARD : BLKZEROOUT, range) < 0;
		break;
	case 7:
		r = fsync(disk) < 0;
		break;
	default:
		ask(dev);
	}
	done++;
	failed += r != 0;
}

/* The same images once more: the old table closes them, the new one opens them. */
static void reload(dev_t dev)
{
	char line[200];
	uint64_t sectors;

	table(line, sizeof(line), &sectors, true);
	if (dm_load(dm, dev, false, sectors, "ploop", line) == 0)
		dm_resume(dm, dev);
}

static void drive(dev_t dev, uint64_t sectors)
{
	unsigned int i, n = 5 + below(30);
	int disk;

	unlink("disk");
	if (mknod("disk", S_IFBLK | 0600, dev) < 0)
		die("mknod");
	disk = open("disk", O_RDWR | O_DIRECT | O_CLOEXEC);
	if (disk < 0)
		fail("the device cannot be opened");
	for (i = 0; i < n; i++) {
		use(disk, dev, sectors);
		if (below(40) == 0)
			reload(dev);
	}
	close(disk);
}

static void make_chain(void)
{
	unsigned int i;

	levels = 1 + below(LEVELS);
	for (i = 0; i < levels; i++) {
		make(&images[i], i);
		if (below(3))
			lie(&images[i]);
		images[i].sum = sum_of(&images[i]);
	}
}

/* A table of errors lets go of the files. */
static void stop(dev_t dev)
{
	if (dm_load(dm, dev, false, 8, "error", "") < 0 || dm_resume(dm, dev) < 0)
		fail("the device does not let go of the images");
}

/* Of most tables only the constructor says something. */
static void try_round(dev_t dev, uint64_t seed, unsigned int n)
{
	char line[200];
	uint64_t sectors;
	bool started = false;
	unsigned int i;

	round_number = n;
	state = (seed + 1) * 0x9e3779b97f4a7c15u ^ (uint64_t)(n + 1) * 0xbf58476d1ce4e5b9u;
	for (i = 0; i < 8; i++)
		any();
	make_chain();
	for (i = 0; i < 4; i++) {
		table(line, sizeof(line), &sectors, false);
		loads++;
		if (dm_load(dm, dev, false, sectors, "ploop", line) < 0)
			continue;
		started = dm_resume(dm, dev) == 0;
		break;
	}
	if (started) {
		taken++;
		drive(dev, sectors);
	}
	if (i < 4)
		stop(dev);
	for (i = 0; i + 1 < levels; i++)
		if (sum_of(&images[i]) != images[i].sum)
			fail("an older image was written to");
	if (started && images[levels - 1].sound)
		check_top(&images[levels - 1]);
	for (i = 0; i < levels; i++)
		close(images[i].fd);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	time_t end = time(NULL) + (argc > 2 ? atoi(argv[2]) : 60);
	unsigned int n = 0;
	dev_t dev;

	dm = dm_open();
	if (dm < 0 || posix_memalign((void **)&buffer, 4096, MAX_IO))
		die("no device mapper, or no memory");
	if (dm_create(dm, NAME, "", &dev) < 0)
		die("no device");
	if (argc > 3)
		try_round(dev, seed, atoi(argv[3]));
	else
		while (n < ROUNDS_LEAST || time(NULL) < end)
			try_round(dev, seed, n++);
	if (dm_remove(dm, NAME) < 0)
		fail("the device does not go");
	printf("%u rounds, %lu tables taken of %lu, %lu requests, %lu of them failed\n", n, taken,
	       loads, done, failed);
	return 0;
}
