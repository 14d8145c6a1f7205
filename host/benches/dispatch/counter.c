/* The same as the listener in counter/, as a plain function: the limit. */

#include <stddef.h>
#include <stdint.h>

struct text {
    const uint8_t *data;
    size_t length;
};

struct event {
    struct text subject;
    struct text client_id;
};

int on_event(size_t *counter, const struct event *event)
{
    __atomic_fetch_add(counter, event->subject.length + event->client_id.length,
                       __ATOMIC_RELAXED);
    return 0;
}
