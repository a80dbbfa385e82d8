/* Forgets the plain types of runtime.h, so that a file can define the vendor's own in their place.
 * No include guard: it acts wherever it is included. */
#undef GPU_RESULT
#undef GPU_DEVICE
#undef GPU_CONTEXT
#undef GPU_MODULE
#undef GPU_FUNCTION
#undef GPU_STREAM
#undef GPU_GRAPH
#undef GPU_GRAPH_EXEC
#undef GPU_ADDRESS
#undef GPU_SOURCE
#undef GPU_HANDLE
#undef GPU_PROP
#undef GPU_ACCESS
#undef GPU_GRANULARITY
#undef GPU_CAPTURE_MODE
#undef GPU_ATTRIBUTE
#undef GPU_FUNCTION_ATTRIBUTE
#undef GPU_PROPERTIES
