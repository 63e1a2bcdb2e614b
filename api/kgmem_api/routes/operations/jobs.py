"""Jobs: background work, asked for and looked at."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.derived.similarity import ALIKE
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem_api.access import Administers, ReadsWholeAnywhere
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import GraphName, Limit, gives
from kgmem_api.replies import reply
from kgmem_api.wire.answers import JobAccepted, JobList, JobShape
from kgmem_api.wire.fields import STRICT

router = APIRouter(tags=["jobs"])
Status = Literal["waiting", "running", "succeeded", "failed", "cancelled"]


class JobRequest(BaseModel):
    """A piece of work to do in the background."""

    model_config = STRICT

    task: Literal["embed", "reembed", "rebuild", "check_integrity", "link_similar", "unlink_similar"]
    retry: Annotated[bool, Field(description="With embed: also the texts that the embedder refused.")] = False
    min_similarity: Annotated[
        float | None, Field(gt=0, le=1, description="With link_similar: the cosine from which entities are linked.")
    ] = None


@router.get("/v1/jobs", responses=gives(JobList))
async def list_jobs(
    access: ReadsWholeAnywhere,
    graph: Annotated[str | None, Query(max_length=100)] = None,
    status: Status | None = None,
    limit: Limit = 100,
) -> Response:
    """List jobs, newest first; a key of one graph sees that graph's."""
    if graph is not None:
        access.key.demand("reader", graph)
    jobs = await access.memory.jobs.list(graph=graph or access.key.graph, status=status, limit=limit)
    return reply({"jobs": jobs})


@router.get("/v1/jobs/{id}", responses=gives(JobShape))
async def get_job(id_: Annotated[int, Path(alias="id", ge=0, le=2**63 - 1)], access: ReadsWholeAnywhere) -> Response:
    """Return a job."""
    missing = NotFound(f"There is no job {id_}.", hint="GET /v1/jobs lists those that the key sees.")
    try:
        job = await access.memory.jobs.get(id_)
    except NotFound:
        raise missing from None  # In the same words for a job that is another graph's.
    if access.key.graph not in (None, job.graph):
        raise missing
    return reply(job)


@router.post(
    "/v1/graphs/{graph}/jobs",
    status_code=202,
    responses={**gives(JobAccepted, 202, "It will be done."), **gives(JobAccepted, 200, "The same one waits already.")},
)
async def post_job(
    graph: GraphName, access: Administers, asked: Annotated[JobRequest, Depends(JSONBody(JobRequest))]
) -> Response:
    """Queue background work: embed what waits, reembed with the present embedder, rebuild the retrieval index,
    check the graph for damage, link entities that are similar and keep that up, or remove these links.
    """
    await access.memory.graphs.get(graph)
    if asked.min_similarity is not None and asked.task != "link_similar":
        raise InvalidInput("min_similarity goes with the task link_similar.", hint="Leave min_similarity out.")
    if asked.retry:
        if asked.task != "embed":
            raise InvalidInput("retry goes with the task embed.", hint="Leave retry out.")
        await access.memory.embeddings.retry_refused(graph)
    if asked.task == "link_similar":
        job = await access.memory.similarity.enqueue(
            graph, min_similarity=ALIKE if asked.min_similarity is None else asked.min_similarity
        )
    else:
        job = await access.memory.jobs.enqueue(asked.task, graph=graph)
    if job is None:
        return reply({"job": None})
    return reply({"job": job}, 202, {"Location": f"/v1/jobs/{job}"})
