/*
 * A whole listener in C: counts ID tokens, and logs how many there were when it is shut down.
 *
 *   cc -std=c11 -Wall -Wextra -Werror -O2 -shared -fPIC -I ../../include \
 *      -o libsign_in_counter.so sign_in_counter.c
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "op_listener.h"

OP_LISTENER_METADATA(
    "{\"op_listener\":1,\"id\":\"sign-in-counter\",\"version\":\"1.0.0\","
    "\"vendor\":\"example.com\",\"license\":\"MIT\",\"interface\":\"" OP_LISTENER_INTERFACE "\","
    "\"built_with\":\"" OP_LISTENER_INTERFACE "\",\"panic\":\"unwind\","
    "\"listeners\":[{\"spi\":\"id_token_issue\",\"class\":\"sign_in_counter\"}]}");

/* What an object is. */
struct counter {
    struct op_listener_host host;
    /* Events come from any thread. */
    _Atomic uint64_t sign_ins;
};

static struct op_listener_text text(const char *string)
{
    struct op_listener_text text = {(const uint8_t *)string, strlen(string)};
    return text;
}

/* Ends a call with a message that is part of the program, so that there is nothing to release. */
static op_listener_status failed(struct op_listener_buffer *output, const char *message)
{
    output->data = (uint8_t *)message;
    output->length = strlen(message);
    output->capacity = output->length;
    output->release = NULL;
    return OP_LISTENER_ERROR;
}

static struct op_listener_text class_name(void)
{
    return text("sign_in_counter");
}

/* Whether the host wants a record of that level: asked before one is formatted. */
static int wanted(const struct counter *counter, uint32_t level)
{
    const struct op_listener_host *host = &counter->host;
    return host->table->log_enabled(host->context, level, class_name()) != 0;
}

static void say(const struct counter *counter, uint32_t level, const char *message)
{
    const struct op_listener_host *host = &counter->host;
    struct op_listener_log_record record = {
        .level = level,
        .target = class_name(),
        .message = text(message),
    };
    host->table->log(host->context, &record);
}

static op_listener_status init(struct op_listener_host host, struct op_listener_text request,
                               const void **object, struct op_listener_buffer *output)
{
    (void)request; /* There is nothing to configure. */
    struct counter *counter = malloc(sizeof *counter);
    if (counter == NULL) {
        return failed(output, "no memory for a counter");
    }
    counter->host = host;
    atomic_init(&counter->sign_ins, 0);
    *object = counter;
    return OP_LISTENER_OK;
}

static op_listener_status is_enabled(const void *object, uint8_t *enabled,
                                     struct op_listener_buffer *output)
{
    (void)object;
    (void)output;
    *enabled = 1;
    return OP_LISTENER_OK;
}

static op_listener_status on_event(const void *object, const struct op_listener_event *event,
                                   struct op_listener_buffer *output)
{
    struct counter *counter = (struct counter *)object;
    if (event->subject.data == NULL) {
        return failed(output, "an ID token without a subject: is this the right kind of event?");
    }
    uint64_t before = atomic_fetch_add_explicit(&counter->sign_ins, 1, memory_order_relaxed);
    if (wanted(counter, OP_LISTENER_LEVEL_DEBUG)) {
        char message[40];
        snprintf(message, sizeof message, "sign-in %" PRIu64, before + 1);
        say(counter, OP_LISTENER_LEVEL_DEBUG, message);
    }
    return OP_LISTENER_OK;
}

static op_listener_status shutdown(const void *object, struct op_listener_buffer *output)
{
    struct counter *counter = (struct counter *)object;
    (void)output;
    if (wanted(counter, OP_LISTENER_LEVEL_INFO)) {
        char message[40];
        snprintf(message, sizeof message, "%" PRIu64 " sign-ins in all",
                 atomic_load(&counter->sign_ins));
        say(counter, OP_LISTENER_LEVEL_INFO, message);
    }
    return OP_LISTENER_OK;
}

static op_listener_status release(const void *object, struct op_listener_buffer *output)
{
    (void)output;
    free((void *)object);
    return OP_LISTENER_OK;
}

static const struct op_listener_listener counter_table = {
    .fields = OP_LISTENER_LISTENER_FIELDS,
    .layout = OP_LISTENER_NO_LAYOUT,
    .spi = OP_LISTENER_SPI_ID_TOKEN_ISSUE,
    .class_name = class_name,
    .init = init,
    .is_enabled = is_enabled,
    .on_event = on_event,
    .shutdown = shutdown,
    .release = release,
};

static op_listener_status start(struct op_listener_host host, uint32_t level,
                                struct op_listener_buffer *output)
{
    (void)host;
    (void)level;
    (void)output;
    return OP_LISTENER_OK;
}

static op_listener_status invoke(uint32_t request, struct op_listener_text input,
                                 struct op_listener_buffer *output)
{
    (void)request;
    (void)input;
    (void)output;
    return OP_LISTENER_UNSUPPORTED;
}

OP_LISTENER_EXPORT const struct op_listener_plugin *op_listener_plugin_v1(void)
{
    static const struct op_listener_listener *const listeners[] = {&counter_table};
    static const struct op_listener_plugin plugin = {
        .fields = OP_LISTENER_PLUGIN_FIELDS,
        .layout = OP_LISTENER_NO_LAYOUT,
        .listeners = {listeners, sizeof listeners / sizeof *listeners},
        .start = start,
        .invoke = invoke,
    };
    return &plugin;
}
