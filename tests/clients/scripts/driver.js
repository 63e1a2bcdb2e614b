// What a driver for JavaScript does; its folder is the working directory.
const neo4j = require(process.cwd() + '/node_modules/neo4j-driver')
const told = JSON.parse(process.argv[2])

async function once (url) {
  const driver = neo4j.driver(url, neo4j.auth.basic('neo4j', told.key))
  const session = driver.session()
  const write = (work) => session.executeWrite ? session.executeWrite(work) : session.writeTransaction(work)
  const at = new neo4j.types.DateTime(1969, 7, 20, 20, 17, 40, 5, 0)
  const made = await write((tx) => tx.run('MERGE (p:Person {name: $name}) SET p.at = $at RETURN p, id(p) AS id', { name: 'Neil', at }))
  const person = made.records[0].get('p')
  const rows = await session.run('UNWIND range(1, 3000) AS n RETURN n')
  const sum = rows.records.reduce((total, record) => total + record.get('n').toNumber(), 0)
  let code = null
  try { await session.run('RETURN 1/0') } catch (error) { code = error.code }
  const path = (await session.run('CREATE p = (:A)-[:R]->(:B) RETURN p')).records[0].get('p')
  const found = [person.labels, person.properties.at.toString() === at.toString(),
    Number.isSafeInteger(made.records[0].get('id').toNumber()), sum, code, path.segments[0].relationship.type]
  await session.close()
  await driver.close()
  return found
}

(async () => {
  const found = []
  for (const scheme of ['bolt', 'neo4j']) found.push(await once(`${scheme}://${told.address}`))
  console.log(JSON.stringify(found))
})().catch((error) => { console.error(error); process.exit(1) })
