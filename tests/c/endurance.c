/* What only many runs show: cancels at random times from another thread and from a signal handler, and opening, using and
 * closing again and again.
 *
 *     endurance MODEL PICTURE OTHER_PICTURE CANCELS OPENS
 *
 * A call returns within 50 ms of its cancel in 99 of 100 cases, and the session then says what it would have said; memory,
 * descriptors and threads are after the last opening what they were after the first few. */

#include "check.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#define QUESTION "Question: what color is the shape? Answer:"

static const char *path;
static ocelli_session *session;
static ocelli_image *images[2];

static double now(void) { /* milliseconds */
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* xorshift64: the same times in every run. */
static double part(void) {
  static uint64_t state = 88172645463325252u;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (double)(state >> 11) / 9007199254740992.0;
}

static void pause_for(double milliseconds) {
  struct timespec t;
  t.tv_sec = 0;
  t.tv_nsec = (long)(milliseconds * 1e6);
  nanosleep(&t, NULL);
}

/* A prompt whose picture is not known, since another came between. */
static int32_t generate(int turn) {
  STRUCT(ocelli_generate_options, options);
  options.max_new_tokens = options.min_new_tokens = 24;
  OK(ocelli_session_clear(session));
  OK(ocelli_session_add_image(session, images[turn % 2]));
  OK(ocelli_session_add_text(session, QUESTION, strlen(QUESTION)));
  return ocelli_session_generate(session, &options, NULL, NULL, NULL);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static enum { IDLE, ASKED, DONE, QUIT } errand;
static double wait_for, cancelled_at;

static void *canceller(void *nothing) {
  pthread_mutex_lock(&mutex);
  for (;;) {
    while (errand == IDLE || errand == DONE) {
      pthread_cond_wait(&changed, &mutex);
    }
    if (errand == QUIT) {
      break;
    }
    pthread_mutex_unlock(&mutex);
    pause_for(wait_for);
    cancelled_at = now();
    ocelli_session_cancel(session);
    pthread_mutex_lock(&mutex);
    errand = DONE;
    pthread_cond_broadcast(&changed);
  }
  pthread_mutex_unlock(&mutex);
  return nothing;
}

static int by_size(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void cancels(int count) {
  pthread_t thread;
  double *late = (double *)malloc((size_t)count * sizeof *late), whole, returned;
  uint32_t wanted[2][32], got[32];
  size_t lengths[2], length;
  int i, hit = 0;
  CHECK(pthread_create(&thread, NULL, canceller, NULL) == 0);
  for (i = 0; i < 2; i++) {
    OK(generate(i));
    OK(ocelli_session_answer(session, NULL, 0, NULL, wanted[i], 32, &lengths[i]));
  }
  whole = now();
  OK(generate(0));
  whole = now() - whole;
  for (i = 0; i < count; i++) {
    int32_t status;
    pthread_mutex_lock(&mutex);
    wait_for = part() * whole * 1.05;
    errand = ASKED;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    status = generate(i);
    returned = now();
    pthread_mutex_lock(&mutex);
    while (errand != DONE) {
      pthread_cond_wait(&changed, &mutex);
    }
    errand = IDLE;
    pthread_mutex_unlock(&mutex);
    if (status == OCELLI_ERR_CANCELLED) {
      late[hit++] = returned - cancelled_at;
    } else {
      /* Too late for that call, and so for the next one, unless it fell between its end and its return. */
      RETURNS(OCELLI_OK, status);
      status = generate(i);
      CHECK(status == OCELLI_ERR_CANCELLED || status == OCELLI_OK);
    }
    if (i % 97 == 0) {
      OK(generate(i));
      OK(ocelli_session_answer(session, NULL, 0, NULL, got, 32, &length));
      CHECK(length == lengths[i % 2] && memcmp(got, wanted[i % 2], length * sizeof *got) == 0);
    }
  }
  pthread_mutex_lock(&mutex);
  errand = QUIT;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
  pthread_join(thread, NULL);
  CHECK(hit > count / 4);
  qsort(late, (size_t)hit, sizeof *late, by_size);
  printf("%d cancels of calls of %.1f ms, %d in time: returned after %.2f ms (median), %.2f (p99), %.2f (last)\n", count,
         whole, hit, late[hit / 2], late[hit * 99 / 100], late[hit - 1]);
  CHECK(late[hit * 99 / 100] <= 50.0);
  free(late);
}

static void on_alarm(int number) {
  (void)number;
  ocelli_session_cancel(session);
}

static void signals(int count) {
  struct sigaction action;
  struct itimerval timer;
  int i, hit = 0;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_alarm;
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  for (i = 0; i < count; i++) {
    int32_t status;
    memset(&timer, 0, sizeof timer);
    timer.it_value.tv_usec = 1 + (int)(part() * 4000.0);
    setitimer(ITIMER_REAL, &timer, NULL);
    status = generate(i);
    memset(&timer, 0, sizeof timer);
    setitimer(ITIMER_REAL, &timer, NULL);
    CHECK(status == OCELLI_ERR_CANCELLED || status == OCELLI_OK);
    hit += status == OCELLI_ERR_CANCELLED;
  }
  signal(SIGALRM, SIG_DFL);
  CHECK(hit > 0);
  printf("%d of %d calls cancelled by a signal handler\n", hit, count);
}

static int entries(const char *folder) {
  DIR *d = opendir(folder);
  int count = 0;
  if (d == NULL) {
    return -1;
  }
  while (readdir(d) != NULL) {
    count++;
  }
  closedir(d);
  return count;
}

/* Pages of memory of the process's own: what is resident but the mapped files. glibc keeps freed blocks of up to twice
 * the largest it has seen, here 2 MiB at a time now in one arena, now in another, so it gives them back first. */
static long own_pages(void) {
  long all = 0, resident = 0, shared = 0;
  FILE *file;
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%ld %ld %ld", &all, &resident, &shared) != 3) {
    resident = shared = 0;
  }
  if (file != NULL) {
    fclose(file);
  }
  return resident - shared;
}

/* What the allocator holds back goes up and down, so the least of the second quarter is held against the least of the
 * last. */
static void opens(int count) {
  long least[4] = {0, 0, 0, 0}, grown;
  int descriptors = 0, threads = 0, i;
  for (i = 0; i < count; i++) {
    int quarter = i * 4 / count;
    long pages;
    ocelli_model *model = NULL;
    STRUCT(ocelli_model_options, options);
    options.threads = 2;
    options.flags = i % 3 == 0 ? OCELLI_MODEL_COPY : 0;
    OK(ocelli_model_open(path, &options, &model));
    OK(ocelli_session_open(model, NULL, &session));
    OK(ocelli_model_close(model));
    OK(generate(i));
    OK(ocelli_session_close(session));
    pages = own_pages();
    if (least[quarter] == 0 || pages < least[quarter]) {
      least[quarter] = pages;
    }
    if (i == count / 4) {
      descriptors = entries("/proc/self/fd");
      threads = entries("/proc/self/task");
    }
  }
  grown = (least[3] - least[1]) * (sysconf(_SC_PAGESIZE) / 1024);
  printf("%d openings: %ld KiB more in the last quarter than in the second\n", count, grown);
  CHECK(grown < 512);
  CHECK(entries("/proc/self/fd") == descriptors);
  CHECK(entries("/proc/self/task") == threads);
}

int main(int argc, char **argv) {
  ocelli_model *model = NULL;
  if (argc != 6) {
    fprintf(stderr, "usage: endurance MODEL PICTURE OTHER_PICTURE CANCELS OPENS\n");
    return 2;
  }
  path = argv[1];
  OK(ocelli_image_open(argv[2], &images[0]));
  OK(ocelli_image_open(argv[3], &images[1]));
  OK(ocelli_model_open(path, NULL, &model));
  {
    STRUCT(ocelli_session_options, options);
    options.image_cache = 1;
    OK(ocelli_session_open(model, &options, &session));
  }
  cancels(atoi(argv[4]));
  signals(atoi(argv[4]) / 10);
  OK(ocelli_session_close(session));
  OK(ocelli_model_close(model));
  opens(atoi(argv[5]));
  OK(ocelli_image_close(images[0]));
  OK(ocelli_image_close(images[1]));
  if (failures > 0) {
    fprintf(stderr, "endurance: %d of %d checks failed\n", failures, checks);
    return 1;
  }
  return 0;
}
