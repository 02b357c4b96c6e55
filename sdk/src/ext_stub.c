#include "tote/internal/memory.h"
#include "tote/internal/sdk.h"
#include <string.h>
tote_span_processor *tote_span_processor_new(const tote_span_processor_ops *ops, void *self) {
    tote_span_processor *p = tote__allocate_zeroed(sizeof *p);
    memcpy(&p->ops, ops, ops->struct_size);
    p->self = self;
    return p;
}
void tote_span_processor_free(tote_span_processor *p) {
    if (!p)
        return;
    if (p->ops.destroy)
        p->ops.destroy(p->self);
    tote__release(p, sizeof *p);
}
