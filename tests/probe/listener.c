/*
 * A listener that misbehaves on demand, for the tests of probes. What it is is decided when it is
 * compiled:
 *
 *   ID        its plugin id, a string
 *   TRACE     a file to which it appends a line each time its constructor runs: the process's
 *             number. So tests can tell how often, and where, it was loaded
 *   RECORD    a file to which it appends a line for each event: the event's id
 *   ACT       what it does (a function below): default `nothing`
 *   PLACE     where: `constructor` (default), `entry`, `start`, `class`, `init`, `enabled`,
 *             `shutdown`, `release` or `destructor`
 *   UNLESS    a file that keeps it from doing so
 *   AWAITED   the file that `await` waits for
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../plugin-api/include/op_listener.h"

#ifndef ACT
#define ACT nothing
#endif
#ifndef PLACE
#define PLACE constructor
#endif
#ifndef UNLESS
#define UNLESS ""
#endif

OP_LISTENER_METADATA("{\"op_listener\":1,\"id\":\"" ID "\",\"version\":\"1.0.0\","
                     "\"interface\":\"1.0\",\"built_with\":\"1.0\",\"panic\":\"unwind\","
                     "\"listeners\":[{\"spi\":\"id_token_issue\",\"class\":\"odd::Listener\"}]}");

/* One line, in one write: several processes may append at once. */
static void append(const char *file, const char *line)
{
    int opened = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    char text[4096];
    int length = snprintf(text, sizeof text, "%s\n", line);
    if (opened < 0 || write(opened, text, (size_t)length) != length) {
        abort();
    }
    close(opened);
}

static void trace(void)
{
    char number[16];
    snprintf(number, sizeof number, "%d", (int)getpid());
    append(TRACE, number);
}

/* What it may do. */
#define ODD __attribute__((unused)) static void
ODD nothing(void) {}
ODD crash(void)
{
    *(volatile int *)(uintptr_t)8 = 1;
}
ODD give_up(void)
{
    fputs("no use going on\nfor \"ever\"\033[31m", stderr);
    abort();
}
ODD leave(void)
{
    _exit(0);
}
ODD leave_with_7(void)
{
    exit(7);
}
ODD hang(void)
{
    for (;;) {
        usleep(1000);
    }
}
/* Goes on when there is a file. */
#ifdef AWAITED
ODD await(void)
{
    while (access(AWAITED, F_OK) != 0) {
        usleep(1000);
    }
}
#endif
ODD spin(void)
{
    for (volatile int n = 0;; n++) {
    }
}
static int deeper(volatile char *above)
{
    volatile char here[4096];
    here[0] = above ? above[0] : 0;
    return deeper(here) + here[0];
}
ODD overflow(void)
{
    deeper(NULL);
}
/* Keeps all that it gets, and tries for ever. */
ODD devour(void)
{
    for (;;) {
        void *more = malloc(1 << 20);
        if (more != NULL) {
            memset(more, 1, 1 << 20);
        }
    }
}
/* Goes on once the process that was forked has written down its number, and the end of the pipe is
   closed with that. */
static int told[2];
static void tell(void)
{
    trace();
    close(told[0]);
    close(told[1]);
}
static void wait_until_told(void)
{
    char nothing;
    close(told[1]);
    while (read(told[0], &nothing, 1) < 0) {
    }
    close(told[0]);
}
/* A child that sleeps for ever, in this group. */
ODD breed(void)
{
    if (pipe(told) != 0) {
        abort();
    }
    if (fork() == 0) {
        tell();
        for (;;) {
            pause();
        }
    }
    wait_until_told();
}
/* A daemon: it leaves the group and the session, and its parent dies. */
ODD haunt(void)
{
    if (pipe(told) != 0) {
        abort();
    }
    pid_t between = fork();
    if (between == 0) {
        setsid();
        if (fork() == 0) {
            tell();
            for (;;) {
                pause();
            }
        }
        _exit(0);
    }
    waitpid(between, NULL, 0);
    wait_until_told();
}
ODD breed_and_hang(void)
{
    breed();
    haunt();
    hang();
}
/* The process that watches over the probe, while there is one. */
ODD end_watcher(void)
{
    if (getppid() > 1) {
        kill(getppid(), SIGTERM);
    }
}
ODD kill_watcher(void)
{
    if (getppid() > 1) {
        kill(getppid(), SIGKILL);
    }
    hang();
}
/* To whatever is open: standard output, the sealed copy of itself, pipes. */
ODD babble(void)
{
    static char garbage[10000];
    memset(garbage, '{', sizeof garbage);
    garbage[5000] = '\n';
    for (int file = 0; file < 256; file++) {
        if (write(file, garbage, sizeof garbage) < 0) {
            continue;
        }
    }
}
/* The pipe through which the probe tells its progress, too. */
ODD close_everything(void)
{
    for (int file = 0; file < 256; file++) {
        close(file);
    }
}
ODD fill_disk(void)
{
    int file = open("filled", O_WRONLY | O_CREAT, 0600);
    static char block[1 << 20];
    while (write(file, block, sizeof block) > 0) {
    }
}
/* What a probe lets it see, for the test to read. */
ODD look_around(void)
{
    const char *secret = getenv("SECRET");
    char dir[1024];
    append(RECORD, secret ? secret : "no secret");
    append(RECORD, getcwd(dir, sizeof dir) ? dir : "nowhere");
}
#ifdef NEEDS_SYMBOL
extern void no_such_function_anywhere(void);
void (*const needed)(void) = no_such_function_anywhere;
#endif
#ifdef NEEDS_LIBRARY
extern void from_the_other_library(void);
void (*const needed)(void) = from_the_other_library;
#endif

enum place { constructor, entry, start, class, init, enabled, shutdown, release, destructor };

static void at(enum place place)
{
    if (place == PLACE && access(UNLESS, F_OK) != 0) {
        ACT();
    }
}

__attribute__((constructor)) static void when_mapped(void)
{
    trace();
    at(constructor);
}

__attribute__((destructor)) static void when_done(void)
{
    at(destructor);
}

static struct op_listener_text class_name(void)
{
    static const char name[] = "odd::Listener";
    struct op_listener_text text = {(const uint8_t *)name, sizeof name - 1};
    at(class);
    return text;
}

static op_listener_status do_init(struct op_listener_host host, struct op_listener_text request,
                                  const void **object, struct op_listener_buffer *output)
{
    (void)host;
    (void)output;
    char text[4000];
    snprintf(text, sizeof text, "%.*s", (int)request.length, (const char *)request.data);
    if (strstr(text, "\"tell\":true") != NULL || strstr(text, "\"probe\":true") != NULL) {
        append(RECORD ".requests", text);
    }
    at(init);
    *object = "";
    return OP_LISTENER_OK;
}

static op_listener_status do_is_enabled(const void *object, uint8_t *yes,
                                        struct op_listener_buffer *output)
{
    (void)object;
    (void)output;
    at(enabled);
    *yes = 1;
    return OP_LISTENER_OK;
}

static op_listener_status do_on_event(const void *object, const struct op_listener_event *event,
                                      struct op_listener_buffer *output)
{
    (void)object;
    (void)output;
    char id[256];
    snprintf(id, sizeof id, "%.*s", (int)event->id.length, (const char *)event->id.data);
    append(RECORD, id);
    return OP_LISTENER_OK;
}

static op_listener_status do_shutdown(const void *object, struct op_listener_buffer *output)
{
    (void)object;
    (void)output;
    at(shutdown);
    return OP_LISTENER_OK;
}

static op_listener_status do_release(const void *object, struct op_listener_buffer *output)
{
    (void)object;
    (void)output;
    at(release);
    return OP_LISTENER_OK;
}

static op_listener_status do_start(struct op_listener_host host, uint32_t level,
                                   struct op_listener_buffer *output)
{
    (void)host;
    (void)level;
    (void)output;
    at(start);
    return OP_LISTENER_OK;
}

static op_listener_status do_invoke(uint32_t request, struct op_listener_text input,
                                    struct op_listener_buffer *output)
{
    (void)request;
    (void)input;
    (void)output;
    return OP_LISTENER_UNSUPPORTED;
}

#ifndef WITHOUT_ENTRY_POINT
OP_LISTENER_EXPORT const struct op_listener_plugin *op_listener_plugin_v1(void)
{
    static const struct op_listener_listener table = {
        .fields = OP_LISTENER_LISTENER_FIELDS,
        .layout = OP_LISTENER_NO_LAYOUT,
        .spi = OP_LISTENER_SPI_ID_TOKEN_ISSUE,
        .class_name = class_name,
        .init = do_init,
        .is_enabled = do_is_enabled,
        .on_event = do_on_event,
        .shutdown = do_shutdown,
        .release = do_release,
    };
    static const struct op_listener_listener *const listeners[] = {&table};
    static const struct op_listener_plugin plugin = {
        .fields = OP_LISTENER_PLUGIN_FIELDS,
        .layout = OP_LISTENER_NO_LAYOUT,
        .listeners = {listeners, 1},
        .start = do_start,
        .invoke = do_invoke,
    };
    at(entry);
    return &plugin;
}
#endif
