import { it } from 'vitest';
import { z } from 'zod';
import { describeZod, builtInDefinitions } from './schema/index.ts';
import { layerSchema } from './layer-schema.ts';
import { isPropertywise } from './propertywise.ts';
import { compileValidator } from '../../service/src/validation.ts';
it('x', () => {
  const v = describeZod('v', z.object({ maxSpeed: z.number().min(0).max(200), fuelType: z.enum(['gasoline','diesel','electric','hybrid']), maintenanceInterval: z.number().min(1000).max(50000), warrantyExpiration: z.string().datetime().optional() }));
  console.log(JSON.stringify(v));
  const val = compileValidator('v', v);
  val.check();
  console.log(val.effective({maxSpeed:300,fuelType:'nuclear',maintenanceInterval:100, warrantyExpiration:'x'}), val.effective({maxSpeed:'1',colour:1} as never), val.layer({maxSpeed:300, fuelTyp:'diesel', maintenanceInterval:{$unset:true}} as never), val.effective('x'));
  for (const [k,d] of builtInDefinitions) { const b = compileValidator(k,d); b.check(); console.log(k, JSON.stringify(d), b.propertywise); if (d.jsonSchema) console.log(JSON.stringify(layerSchema(d.jsonSchema)), isPropertywise(d.jsonSchema)); }
  const u = describeZod('u', z.object({ a: z.number().max(3).nullable(), b: z.discriminatedUnion('t',[z.object({t:z.literal('x'),n:z.number()}),z.object({t:z.literal('y'),s:z.string().min(1)})]), c: z.union([z.string().min(3), z.array(z.number())]), d: z.email(), e: z.json() }));
  const uv = compileValidator('u', u); uv.check();
  for (const value of [{a:5,b:{t:'x'},c:'a',d:'x',e:1},{a:'x',b:{t:'z'},c:true,d:'x@y.zz'},{a:null,b:null,c:[1,'x'],d:1,e:1},{b:{t:'y',s:'',q:1}}]) console.log(uv.effective(value as never).map(p=>p.message), uv.layer(value as never).map(p=>p.message));
  for (const schema of [{type:'strng'},{properties:{a:{type:'number',default:'x'}}},{properties:{a:{pattern:'(?=a)'}}},{properties:{a:{minimum:'1'}}},{required:'x'}]) try { compileValidator('k',{jsonSchema:schema as never}).check(); console.log('OK?'); } catch (e) { console.log((e as Error).message) }
});
