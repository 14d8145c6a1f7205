/*
 * op_listener.h - event listeners for OpenID providers, in C.
 *
 * The binary interface between a host and the libraries that it loads, interface version 1.0: the
 * same types as those of the Rust crate `op-listener-abi`, whose tests compare the two. Rust
 * authors use the crate `op-listener-api` instead, which wraps all of this.
 *
 * A library has to have
 *
 *   1. a section with metadata (OP_LISTENER_METADATA), so that a host can see what is in the file
 *      without running any of it;
 *   2. the function `op_listener_plugin_v1`, which returns the library's table.
 *
 * `examples/c/sign_in_counter.c` is a whole listener. Needs C11, or C++11.
 *
 *
 * Text. UTF-8, pointer and length, no terminator. A null `data` says that there is no text, which
 * is not the same as an empty one. What is passed to a function is lent for the length of the
 * call: copy what is to stay. What a listener passes to the host must be valid UTF-8, but for input that
 * is said to be bytes.
 *
 * Buffers. Whoever is passed a `struct op_listener_buffer *` to fill gets an empty one (all zero),
 * and sets all four members, or none where there is nothing to say. The reader calls `release`
 * once it has read, on any thread; a null `release` says that there is nothing to release, as for
 * text that is part of the program.
 *
 * Threads. Every function of every table may be called from any thread, several at a time, unless
 * it says otherwise. A listener's calls are synchronous: the provider's answer to its client waits
 * for `on_event`. What takes more than a few milliseconds belongs on a thread of the listener's
 * own, with copies of what it needs.
 *
 * Unwinding. No function may unwind into its caller: no C++ exception, no longjmp.
 *
 * Libraries stay loaded until the process ends.
 *
 *
 * Tables begin with two members of their own.
 *
 *   fields   One bit for each member of the table itself, bit 0 for the first: 1 where the member
 *            is there. A table of this header sets OP_LISTENER_PLUGIN_FIELDS,
 *            OP_LISTENER_LISTENER_FIELDS or OP_LISTENER_HOST_FIELDS. Later minor versions add
 *            members at the end. Those of version 1.0 are there in all of 1.x and need no check;
 *            read a later one only where OP_LISTENER_HAS(table, number) says so.
 *   layout   What Rust libraries tell of the table for messages about mistakes. C sets
 *            OP_LISTENER_NO_LAYOUT: never null, for the other side may hold it as a reference.
 *            C does not read it.
 *
 * A table is never changed once it was handed out, and lives as long as the process.
 */
#ifndef OP_LISTENER_H
#define OP_LISTENER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define OP_LISTENER_ASSERT(condition, message) static_assert(condition, message)
#else
#define OP_LISTENER_ASSERT(condition, message) _Static_assert(condition, message)
#endif

#if defined(__GNUC__) || defined(__clang__)
#define OP_LISTENER_UNUSED __attribute__((unused))
#else
#define OP_LISTENER_UNUSED
#endif

/* The version of this interface: what a library that uses no more than this header needs. */
#define OP_LISTENER_INTERFACE "1.0"

/* The version of the JSON that events carry. Ignore members that you do not know. */
#define OP_LISTENER_EVENT_SCHEMA 1u

/* The SPIs, which are also the kinds of events. */
#define OP_LISTENER_SPI_ID_TOKEN_ISSUE 1u
#define OP_LISTENER_SPI_ACCESS_TOKEN_ISSUE 2u
#define OP_LISTENER_SPI_SUBJECT_AUTH_AND_CONSENT 3u

/* How a call ended. */
typedef uint32_t op_listener_status;
/* As it should. */
#define OP_LISTENER_OK 0u
/* With an error, which the output tells. */
#define OP_LISTENER_ERROR 1u
/* With a panic, caught in the library that made it; the output tells its message. Of no use to C. */
#define OP_LISTENER_PANIC 2u
/* Not at all: the other side does not know what was asked for. */
#define OP_LISTENER_UNSUPPORTED 3u
/* With an error that lies in the configuration of the listener, which the output tells. */
#define OP_LISTENER_CONFIG 4u
/* Not at all: the host has shut this listener down. */
#define OP_LISTENER_CLOSED 5u

/* The levels of log records. */
#define OP_LISTENER_LEVEL_ERROR 1u
#define OP_LISTENER_LEVEL_WARN 2u
#define OP_LISTENER_LEVEL_INFO 3u
#define OP_LISTENER_LEVEL_DEBUG 4u
#define OP_LISTENER_LEVEL_TRACE 5u

/* The target of records that tell of a panic. Of no use to C. */
#define OP_LISTENER_PANIC_TARGET "panic"

/* Services of the host, for `invoke` of the host's table.
 *
 * SIGN signs a claims set with the provider's key. Input: {"typ": string, "claims": object}, where
 * `typ` may be left out; output: a compact JWS (RFC 7515 section 7.1). */
#define OP_LISTENER_SERVICE_SIGN 1u
/*
 * The delivery queue: what a listener pushes is durable before the provider is answered, and the host
 * hands it to the listener's sink on threads of its own, again and again until it is delivered or
 * refused for good. Numbers in bytes are little-endian.
 *
 * QUEUE_OPEN opens a queue. Input: {"sink": 1, "name": "second", "options": {...}}. `sink` is a number
 * of the library's own choice, below 2^63, by which QUEUE_DELIVER names the sink; `name` may be left out
 * where the instance has one queue. What may stand in `options`, each with its default:
 *   "order": "none", "key" (messages of one key in order, one of each in a batch at the most) or
 *   "key-in-batches" (a batch may hold several of a key: once one of them was not delivered, answer
 *   "retry" for the later ones of that key); "batch_messages": 100, "batch_bytes": 1048576,
 *   "batch_age_ms": 0, "concurrency": 1 (calls of the sink at a time), "attempts": 25,
 *   "backoff_ms": 500, "backoff_max_ms": 300000, "max_messages": 1000000, "max_bytes": 4294967296,
 *   "when_full": "reject" or "drop-oldest", "pause_after_ms": 60000.
 * Output: {"queue": 7, "name": "instance/second", "options": {...}}: the queue's number, its name as
 * operators see it, and what is in force.
 * With "polled": true the queue has no sink: `sink` is 0, and what is pushed waits until its receiver
 * fetches it over HTTP (RFC 8936). Only messages of the content type "application/secevent+jwt", with a
 * SET in compact form for payload and its `jti` for "id", are taken. The output has "polled": true then.
 * Where it has not, the host is one of before such queues: close the queue, and fail.
 *
 * QUEUE_PUSH puts a message into a queue. Input, bytes: the queue's number (8), the length of a header
 * (4), the header, and the payload to the end. The header is empty or a JSON object with any of "key",
 * "id", "content_type" (strings) and "headers" (an object of strings). Payloads of up to 16 MiB. Output:
 * nothing. Inside `on_event`, on the thread that it was called on, the message is durable when the
 * event's dispatch is back; elsewhere when this is back.
 *
 * QUEUE_CLOSE closes a queue. Input, bytes: its number (8); output: nothing. Afterwards the sink is not
 * called any more. The host closes what is open before it calls `shutdown`. Messages stay for whoever
 * next opens a queue of that name. */
#define OP_LISTENER_SERVICE_QUEUE_OPEN 2u
#define OP_LISTENER_SERVICE_QUEUE_PUSH 3u
#define OP_LISTENER_SERVICE_QUEUE_CLOSE 4u

/* Requests of the host, for `invoke` of the library's table.
 *
 * LOG_LEVEL says that the most verbose level that the host keeps has changed. Input: one digit, a
 * level, or "0" for none at all; output: nothing. A library that does not keep the answers of
 * `log_enabled` need not care. */
#define OP_LISTENER_REQUEST_LOG_LEVEL 1u
/* PANIC asks for a panic, by which a conformance check sees that panics stay inside. Of no use to C:
 * answer it as unknown. */
#define OP_LISTENER_REQUEST_PANIC 2u
/* QUEUE_DELIVER hands over a batch of messages, on a thread of the host's. Input, bytes: the sink's
 * number (8), how many messages there are (4, never 0), and for each the length of its header (4), of
 * its payload (4), the header and the payload. The header is a JSON object with "number" (of the
 * message), "attempt" (from 1), "pushed_ms" (Unix time in milliseconds) and what it was pushed with.
 * Output: nothing where all were delivered; otherwise {"outcomes": [...]} with one outcome for each
 * message, or {"all": outcome}. An outcome is "delivered", {"retry": {...}} or {"dead": {...}}, with
 * "reason" (string), and "status" (number) and "answer" (string) of the receiver where there are any; in
 * "retry" also "after_ms", if the receiver asks to be left alone for so long. Any status but OK is a
 * failure of the whole batch, to be tried again. */
#define OP_LISTENER_REQUEST_QUEUE_DELIVER 3u

/* Text that is lent. */
struct op_listener_text {
    const uint8_t *data;
    size_t length;
};

/* Bytes that change hands: see "Buffers" above. */
struct op_listener_buffer {
    uint8_t *data;
    size_t length;
    /* For the maker's own use; passed back to `release`. */
    size_t capacity;
    void (*release)(uint8_t *data, size_t length, size_t capacity);
};

/* What happened. Lent for the length of the call. This type never changes: what later versions
 * add comes in `more`. All JSON is valid, and no object of it holds a client's secret. */
struct op_listener_event {
    /* One of OP_LISTENER_SPI_*. */
    uint32_t spi;
    /* OP_LISTENER_EVENT_SCHEMA of the host. */
    uint32_t schema;
    /* When it happened, in microseconds since the Unix epoch. */
    uint64_t time_micros;
    /* The stable identifier. Never absent. */
    struct op_listener_text id;
    /* Shared by all events of one request or grant, or absent. */
    struct op_listener_text txn;
    /* The issuer URL. Never absent. */
    struct op_listener_text issuer;
    /* The OAuth 2.0 client. Never absent. */
    struct op_listener_text client_id;
    /* The local subject; absent where there is none (client credentials). */
    struct op_listener_text subject;
    /* The token's claims set, a JSON object; for SUBJECT_AUTH_AND_CONSENT the claims set of the ID
     * token, absent when none is issued. */
    struct op_listener_text claims;
    /* The registered metadata of the client, a JSON object, or absent. */
    struct op_listener_text client;
    /* All other members of the event, a JSON object, or absent when there are none: for
     * SUBJECT_AUTH_AND_CONSENT `scope`, `consented_claims`, `authz_data`, `session`. */
    struct op_listener_text more;
};

/* One record for the host's log. Lent for the length of the call. This type never changes. */
struct op_listener_log_record {
    /* One of OP_LISTENER_LEVEL_*. */
    uint32_t level;
    /* The line in `file`, or 0. */
    uint32_t line;
    /* Which part of the listener speaks. */
    struct op_listener_text target;
    struct op_listener_text message;
    /* A JSON object, or absent. */
    struct op_listener_text fields;
    /* The source file, or absent. */
    struct op_listener_text file;
};

/* The host's functions. Pass `context` of the host that the table came with. */
struct op_listener_host_table {
    uint64_t fields;
    const void *layout;
    /* Whether a record of that level and target would be kept: ask before formatting one. 0 is
     * no, all else yes. */
    uint8_t (*log_enabled)(const void *context, uint32_t level, struct op_listener_text target);
    /* Logs a record. */
    void (*log)(const void *context, const struct op_listener_log_record *record);
    /* Calls a service, one of OP_LISTENER_SERVICE_*. `output` is empty when it is passed. Where
     * the status is not OK, it holds a message. The caller releases it. */
    op_listener_status (*invoke)(const void *context, uint32_t service,
                                 struct op_listener_text input, struct op_listener_buffer *output);
};

/* The host, as one instance of a listener, or one library, sees it. Passed by value: keep a copy
 * for as long as the process lives, and use it on any thread. After an instance has been shut down
 * its services answer OP_LISTENER_CLOSED; logging goes on. */
struct op_listener_host {
    const struct op_listener_host_table *table;
    const void *context;
};

/* One listener of a library.
 *
 * An object's life: `init`, `is_enabled` once, `on_event` any number of times and from any thread,
 * then, when no call is under way, `shutdown` once and `release`. `shutdown` and `release` also
 * follow where `is_enabled` failed or said no. There may be several objects at a time, each with a
 * configuration of its own.
 *
 * Where a status is not OK, `output` holds a message for the operator: what is wrong, where, and
 * what to do. The host releases it. */
struct op_listener_listener {
    uint64_t fields;
    const void *layout;
    /* One of OP_LISTENER_SPI_*. */
    uint32_t spi;
    /* The listener's name in logs and lists: the same as in the metadata. Never released. */
    struct op_listener_text (*class_name)(void);
    /* Makes an instance. `request` is a JSON object: `name` (of the instance), `config` (object),
     * `data_dir` and `base_dir` (paths: a directory for the instance to make and use, and the one
     * that relative paths of the configuration are relative to), `host` (object with `version` and
     * `interface`), and maybe others. In a probe there is `"probe": true`: the host tries a library
     * that it has not seen before in a process of its own, with an empty `config`. Then connect to
     * nothing, and start nothing that outlives the call; an error is a fine answer. At a reload there
     * is `"takes_over": true` where the instance takes the place of one of the same name that is
     * still in service, maybe one of another copy of the library: what both cannot hold at a time is
     * to be taken at the first event, and waited for within limits.
     * On success sets `*object`, to anything but null; otherwise leaves it alone, and has released
     * whatever it took. */
    op_listener_status (*init)(struct op_listener_host host, struct op_listener_text request,
                               const void **object, struct op_listener_buffer *output);
    /* Asks whether events are wanted: on success sets `*enabled` to 0 or 1. */
    op_listener_status (*is_enabled)(const void *object, uint8_t *enabled,
                                     struct op_listener_buffer *output);
    /* Hands over an event, always one of the listener's SPI. */
    op_listener_status (*on_event)(const void *object, const struct op_listener_event *event,
                                   struct op_listener_buffer *output);
    /* Tells the instance that no more events come. */
    op_listener_status (*shutdown)(const void *object, struct op_listener_buffer *output);
    /* Gives the instance's memory back. Nobody uses the object afterwards. */
    op_listener_status (*release)(const void *object, struct op_listener_buffer *output);
};

/* The listeners of a library, in the order in which the host makes and calls them. */
struct op_listener_listeners {
    const struct op_listener_listener *const *data;
    size_t length;
};

/* A library. */
struct op_listener_plugin {
    uint64_t fields;
    const void *layout;
    struct op_listener_listeners listeners;
    /* Called once, on the thread that loads the library, and before anything else but
     * `op_listener_plugin_v1`. `level` is the most verbose level that the host keeps, or 0. */
    op_listener_status (*start)(struct op_listener_host host, uint32_t level,
                                struct op_listener_buffer *output);
    /* Makes a request of the library, one of OP_LISTENER_REQUEST_*. To be answered with
     * OP_LISTENER_UNSUPPORTED where the request is not known. */
    op_listener_status (*invoke)(uint32_t request, struct op_listener_text input,
                                 struct op_listener_buffer *output);
};

/* What `fields` holds in tables of this version. */
#define OP_LISTENER_HOST_FIELDS UINT64_C(0x07)
#define OP_LISTENER_LISTENER_FIELDS UINT64_C(0x7f)
#define OP_LISTENER_PLUGIN_FIELDS UINT64_C(0x07)

/* Whether a table has the member of that number, the first one after `layout` being 0. */
#define OP_LISTENER_HAS(table, number) ((((table)->fields) >> (number)) & 1u)

/* What `layout` holds in tables made in C: zeroes that never mean anything. */
static const void *const op_listener_no_layout[8] OP_LISTENER_UNUSED = {NULL};
#define OP_LISTENER_NO_LAYOUT ((const void *)op_listener_no_layout)

/* The library's entry point: define it, with OP_LISTENER_EXPORT before it. Called once. It must do
 * nothing but return the table. */
#if defined(_WIN32)
#define OP_LISTENER_EXPORT __declspec(dllexport)
#elif defined(__GNUC__) || defined(__clang__)
#define OP_LISTENER_EXPORT __attribute__((visibility("default")))
#else
#define OP_LISTENER_EXPORT
#endif
OP_LISTENER_EXPORT const struct op_listener_plugin *op_listener_plugin_v1(void);
#define OP_LISTENER_ENTRY_POINT "op_listener_plugin_v1"

/* Puts metadata into the library, a string literal with one JSON object, once in a library:
 *
 *   {"op_listener": 1, "id": "sign-in-counter", "version": "1.0.0", "vendor": "example.com",
 *    "license": "MIT", "interface": "1.0", "built_with": "1.0", "panic": "unwind",
 *    "listeners": [{"spi": "id_token_issue", "class": "sign_in_counter"}]}
 *
 *   op_listener  1, the version of this object
 *   id           what operators write into their configuration: ASCII letters, digits, - _ .
 *   version      of the library; vendor, license (an SPDX expression) likewise
 *   interface    the lowest interface version that the library needs: no more than it really uses
 *   built_with   the interface version of the header that it was built with
 *   panic        "unwind"; "abort" would say that an error ends the process, and is refused
 *   listeners    in the order of the table: spi is "id_token_issue", "access_token_issue" or
 *                "subject_auth_and_consent"; class is what `class_name` returns
 *
 * The section is `.op_listener`, in Mach-O `__DATA,__op_listener`, in PE `.oplstnr`. It holds the
 * text alone, with no terminator, which C++ does not allow: there, put this into a C file of its own
 * that is linked in. */
#ifndef __cplusplus
#if defined(__has_attribute)
#if __has_attribute(nonstring)
#define OP_LISTENER_NONSTRING __attribute__((nonstring))
#endif
#endif
#ifndef OP_LISTENER_NONSTRING
#define OP_LISTENER_NONSTRING
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#define OP_LISTENER_METADATA(json)                                                                 \
    __pragma(section(".oplstnr", read))                                                            \
    __declspec(allocate(".oplstnr")) extern const char op_listener_metadata[sizeof(json) - 1];     \
    __declspec(allocate(".oplstnr")) const char op_listener_metadata[sizeof(json) - 1] = json
#else
#if defined(_WIN32)
#define OP_LISTENER_SECTION ".oplstnr"
#elif defined(__APPLE__)
#define OP_LISTENER_SECTION "__DATA,__op_listener"
#else
#define OP_LISTENER_SECTION ".op_listener"
#endif
#define OP_LISTENER_METADATA(json)                                                                 \
    __attribute__((used, section(OP_LISTENER_SECTION))) OP_LISTENER_NONSTRING static const char    \
        op_listener_metadata[sizeof(json) - 1] = json
#endif
#endif

/* What other compilers on both sides of the boundary have to agree on. */
OP_LISTENER_ASSERT(sizeof(size_t) == sizeof(void *), "sizes are as wide as pointers");
OP_LISTENER_ASSERT(sizeof(void (*)(void)) == sizeof(void *), "pointers to functions are pointers");

#if UINTPTR_MAX == UINT64_MAX
#define OP_LISTENER_AT(type, member, offset)                                                       \
    OP_LISTENER_ASSERT(offsetof(struct type, member) == (offset), #type "." #member)
#define OP_LISTENER_SIZE(type, size) OP_LISTENER_ASSERT(sizeof(struct type) == (size), #type)

OP_LISTENER_SIZE(op_listener_text, 16);
OP_LISTENER_AT(op_listener_text, data, 0);
OP_LISTENER_AT(op_listener_text, length, 8);

OP_LISTENER_SIZE(op_listener_buffer, 32);
OP_LISTENER_AT(op_listener_buffer, data, 0);
OP_LISTENER_AT(op_listener_buffer, length, 8);
OP_LISTENER_AT(op_listener_buffer, capacity, 16);
OP_LISTENER_AT(op_listener_buffer, release, 24);

OP_LISTENER_SIZE(op_listener_event, 144);
OP_LISTENER_AT(op_listener_event, spi, 0);
OP_LISTENER_AT(op_listener_event, schema, 4);
OP_LISTENER_AT(op_listener_event, time_micros, 8);
OP_LISTENER_AT(op_listener_event, id, 16);
OP_LISTENER_AT(op_listener_event, txn, 32);
OP_LISTENER_AT(op_listener_event, issuer, 48);
OP_LISTENER_AT(op_listener_event, client_id, 64);
OP_LISTENER_AT(op_listener_event, subject, 80);
OP_LISTENER_AT(op_listener_event, claims, 96);
OP_LISTENER_AT(op_listener_event, client, 112);
OP_LISTENER_AT(op_listener_event, more, 128);

OP_LISTENER_SIZE(op_listener_log_record, 72);
OP_LISTENER_AT(op_listener_log_record, level, 0);
OP_LISTENER_AT(op_listener_log_record, line, 4);
OP_LISTENER_AT(op_listener_log_record, target, 8);
OP_LISTENER_AT(op_listener_log_record, message, 24);
OP_LISTENER_AT(op_listener_log_record, fields, 40);
OP_LISTENER_AT(op_listener_log_record, file, 56);

OP_LISTENER_SIZE(op_listener_host, 16);
OP_LISTENER_AT(op_listener_host, table, 0);
OP_LISTENER_AT(op_listener_host, context, 8);

OP_LISTENER_SIZE(op_listener_host_table, 16 + 24);
OP_LISTENER_AT(op_listener_host_table, fields, 0);
OP_LISTENER_AT(op_listener_host_table, layout, 8);
OP_LISTENER_AT(op_listener_host_table, log_enabled, 16 + 0);
OP_LISTENER_AT(op_listener_host_table, log, 16 + 8);
OP_LISTENER_AT(op_listener_host_table, invoke, 16 + 16);

OP_LISTENER_SIZE(op_listener_listener, 16 + 56);
OP_LISTENER_AT(op_listener_listener, fields, 0);
OP_LISTENER_AT(op_listener_listener, layout, 8);
OP_LISTENER_AT(op_listener_listener, spi, 16 + 0);
OP_LISTENER_AT(op_listener_listener, class_name, 16 + 8);
OP_LISTENER_AT(op_listener_listener, init, 16 + 16);
OP_LISTENER_AT(op_listener_listener, is_enabled, 16 + 24);
OP_LISTENER_AT(op_listener_listener, on_event, 16 + 32);
OP_LISTENER_AT(op_listener_listener, shutdown, 16 + 40);
OP_LISTENER_AT(op_listener_listener, release, 16 + 48);

OP_LISTENER_SIZE(op_listener_listeners, 16);
OP_LISTENER_AT(op_listener_listeners, data, 0);
OP_LISTENER_AT(op_listener_listeners, length, 8);

OP_LISTENER_SIZE(op_listener_plugin, 16 + 32);
OP_LISTENER_AT(op_listener_plugin, fields, 0);
OP_LISTENER_AT(op_listener_plugin, layout, 8);
OP_LISTENER_AT(op_listener_plugin, listeners, 16 + 0);
OP_LISTENER_AT(op_listener_plugin, start, 16 + 16);
OP_LISTENER_AT(op_listener_plugin, invoke, 16 + 24);

#undef OP_LISTENER_AT
#undef OP_LISTENER_SIZE
#endif

#ifdef __cplusplus
}
#endif

#endif
